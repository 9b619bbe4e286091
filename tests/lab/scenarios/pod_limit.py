"""The pod's own limit fires; its containers have none."""

from tests.lab.kubelet import Pods
from tests.lab.scenarios.case import MIB, Case, Expected


def pod_over_limit(
    pods: Pods, *, name: str = "pod-oom", limit: int = 40 * MIB, child_only: bool = False
) -> Case:
    """Container `hog` takes more than the pod may have; container `idle` lives on.

    With `child_only` group kill is off and the hog's init survives.
    """
    pod = pods.create(name, memory_max=limit)
    pod.container("idle", ["/bin/work", "sleep"], oom_score_adj=900)
    fork = ["fork"] if child_only else []
    argv = ["/bin/work", *fork, "wait", "eat", "96"]
    hog = pod.container("hog", argv, oom_group=not child_only, oom_score_adj=950)
    processes = 2 if child_only else 1
    hog.wait_ready(processes)
    expected = Expected(
        limit_group=pod.group,
        limit_bytes=limit,
        victim_group=hog.group,
        processes=processes,
        group_kill=not child_only,
        survives=child_only,
    )
    return Case(expected=expected, container=hog)
