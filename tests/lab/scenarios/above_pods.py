"""The limit that fires is above every pod: the one of kubepods, or the node's own memory."""

from tests.lab.groups import Group
from tests.lab.hierarchy import Qos, kubepods
from tests.lab.kubelet import Pods
from tests.lab.scenarios.case import MIB, Case, Expected

NODE_SECONDS = 600.0  # the kernel reclaims and reclaims before it kills


def kubepods_over_limit(
    pods: Pods, *, name: str = "kubepods-oom", limit: int = 96 * MIB, child_only: bool = True
) -> Case:
    """All pods together take more than kubepods may have (the kubelet's node allocatable).

    The limit is set when it fires and taken back afterwards. The init survives, unless it is not
    `child_only`.
    """
    fork = ["fork"] if child_only else []
    argv = ["/bin/work", *fork, "wait", "eat", "192"]
    container = pods.create(name).container("main", argv, oom_group=False, oom_score_adj=950)
    processes = 2 if child_only else 1
    container.wait_ready(processes)
    group = Group(pods.node.guest, kubepods(pods.node.driver))

    def fire() -> None:
        pods.node.guest.run(f"echo {limit} > {group.directory}/memory.max")
        container.group.go()

    def unlimit() -> None:
        # Should the case fail before its end, the next clean slate does this.
        pods.node.guest.run(f"echo max > {group.directory}/memory.max")

    expected = Expected(
        limit_group=group,
        limit_bytes=limit,
        victim_group=container.group,
        processes=processes,
        group_kill=False,
        survives=child_only,
    )
    return Case(expected=expected, container=container, trigger=fire, finish=unlimit)


def node_over_limit(pods: Pods, *, name: str = "hog", eaters: int = 3) -> Case:
    """Three processes of a best-effort pod want all of the node's memory each; none gets it.

    They are the first that the kernel takes: the init of the container lives on. With no `eaters`
    it is the init that wants it.
    """
    wanted = pods.node.guest.machine.config.memory_mib
    greed = ["multi", str(eaters), str(wanted)] if eaters else ["eat", str(wanted)]
    argv = ["/bin/work", "wait", *greed]
    container = pods.create(name, qos=Qos.BEST_EFFORT).container(
        "main", argv, oom_group=False, oom_score_adj=1000
    )
    container.wait_ready()
    expected = Expected(
        limit_group=Group(pods.node.guest, ""),
        limit_bytes=0,
        victim_group=container.group,
        processes=1 + eaters,
        group_kill=False,
        survives=eaters > 0,
        at_least=max(1, eaters),
    )
    return Case(expected=expected, container=container, settle_seconds=NODE_SECONDS)
