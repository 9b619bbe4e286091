"""A container that lives on after an OOM kill in it, and ends later by itself."""

import signal

from tests.lab.kubelet import Pods
from tests.lab.scenarios.case import MIB, Case, Expected


def child_over_limit_then_exit(
    pods: Pods, *, name: str = "afterlife", limit: int = 32 * MIB
) -> Case:
    """As child_over_limit, with an init that exits with 0 when it is told to: see `dismiss`."""
    argv = ["/bin/work", "until", "fork", "wait", "eat", "64"]
    pod = pods.create(name, memory_max=limit + 32 * MIB)
    container = pod.container("main", argv, memory_max=limit, oom_group=False)
    container.wait_ready(2)
    expected = Expected(
        limit_group=container.group,
        limit_bytes=limit,
        victim_group=container.group,
        processes=2,
        group_kill=False,
        survives=True,
    )
    return Case(expected=expected, container=container)


def dismiss(case: Case) -> None:
    """Tell the init to exit with 0, and wait until the runtime has seen that."""
    case.the_container.group.signal(signal.SIGUSR2)
    case.the_container.wait_exited()
