"""Victims that no pod's counters know: a system daemon, a cgroup nested inside a container."""

import shlex

from tests.lab.groups import Group
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.case import MIB, Case, Expected

NEST = """
mkdir {directory}/init {nested}
for pid in $(cat {directory}/cgroup.procs); do echo $pid > {directory}/init/cgroup.procs; done
echo +memory > {directory}/cgroup.subtree_control
echo {limit} > {nested}/memory.max
"""


def service_over_limit(node: Node, *, name: str = "crond", limit: int = 32 * MIB) -> Case:
    """A daemon in /system.slice/NAME.service exceeds the limit of its unit; the cgroup stays."""
    group = Group(node.guest, f"/system.slice/{name}.service").make(limit)
    process = node.guest.start(["work", "wait", "eat", "64"], cgroup=group.path.removeprefix("/"))
    process.wait_out("ready", 120)
    expected = Expected(
        limit_group=group,
        limit_bytes=limit,
        victim_group=group,
        processes=1,
        group_kill=False,
        survives=False,
    )
    return Case(expected=expected, finish=process.close)


def nested_over_limit(
    pods: Pods,
    *,
    name: str = "nested-oom",
    cgroup: str = "nested",
    limit: int = 16 * MIB,
    by_container: bool = False,
) -> Case:
    """A child in a cgroup of its own inside the container exceeds that one's limit; the init lives.

    The cgroup is made from outside, or by the container itself, which is privileged then.
    """
    pod = pods.create(name, memory_max=128 * MIB, privileged=by_container)
    argv = ["/bin/work", "fork", "wait", "eat", "64"]
    if by_container:
        here = "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)"
        inside = f"$here/{shlex.quote(cgroup)}"
        script = f"here={here}\n{NEST.format(directory='$here', nested=inside, limit=limit)}"
        script += f"(echo 0 > {inside}/cgroup.procs; exec work wait eat 64) & wait; exec work"
        argv = ["/bin/sh", "-c", script]
    container = pod.container("main", argv, memory_max=96 * MIB)
    nested = Group(pods.node.guest, f"{container.group.path}/{cgroup}")
    container.wait_ready(0 if by_container else 2)
    if not by_container:
        child = next(pid for pid in container.group.pids() if pid != container.init_pid())
        directory, inside = container.group.directory, shlex.quote(nested.directory)
        script = NEST.format(directory=directory, nested=inside, limit=limit)
        pods.node.guest.run(f"{script}\necho {child} > {inside}/cgroup.procs")
    expected = Expected(
        limit_group=nested,
        limit_bytes=limit,
        victim_group=nested,
        processes=1,
        group_kill=False,
        survives=True,
    )
    return Case(expected=expected, container=container)
