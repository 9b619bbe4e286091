"""The cgroups of pods and containers, as the kubelet's two drivers name and make them.

    cgroupfs   /kubepods/burstable/pod1e6c3ddd-935d-.../<id>
    systemd    /kubepods.slice/kubepods-burstable.slice/
                 kubepods-burstable-pod1e6c3ddd_935d_....slice/cri-containerd-<id>.scope
    a kubelet on systemd, a runtime on cgroupfs
               /system.slice/kubepods-burstable-pod1e6c3ddd_935d_....slice:cri-containerd:<id>

https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/cm/cgroup_manager_linux.go
"""

from enum import Enum
from pathlib import PurePosixPath

from tests.lab.guest import CGROUP_ROOT, Guest
from tests.lab.machines import Driver


class Qos(Enum):
    """A pod's class, which decides the parent of its cgroup."""

    GUARANTEED = ""
    BURSTABLE = "burstable"
    BEST_EFFORT = "besteffort"


def kubepods(driver: Driver) -> str:
    """The path of what all pods live in."""
    return "/kubepods.slice" if driver is Driver.SYSTEMD else "/kubepods"


def pod_path(driver: Driver, qos: Qos, uid: str) -> str:
    """The path of a pod's cgroup, which is the CRI's cgroup_parent for its containers."""
    if driver is Driver.CGROUPFS:
        return str(PurePosixPath(kubepods(driver), qos.value, f"pod{uid}"))
    stem = f"kubepods-{qos.value}" if qos.value else "kubepods"
    above = f"{stem}.slice" if qos.value else ""
    pod = f"{stem}-pod{uid.replace('-', '_')}.slice"
    return str(PurePosixPath(kubepods(driver), above, pod))


def container_path(runtime: Driver, pod: str, identity: str) -> str:
    """The path of a container's cgroup; the runtime's driver need not be the one of the pod."""
    if runtime is Driver.SYSTEMD:
        return f"{pod}/cri-containerd-{identity}.scope"
    if pod.endswith(".slice"):
        return f"/system.slice/{PurePosixPath(pod).name}:cri-containerd:{identity}"
    return f"{pod}/{identity}"


def make_pod(guest: Guest, path: str, memory_max: int | None) -> None:
    """Make a pod's cgroup, with a limit if there is one, and every controller for what is in it."""
    guest.run(_make_slice(path, memory_max) if path.endswith(".slice") else _make(path, memory_max))


def _make(path: str, memory_max: int | None) -> str:
    limit = "" if memory_max is None else f"echo {memory_max} > memory.max"
    return f"""
        mkdir -p {CGROUP_ROOT}{path}
        cd {CGROUP_ROOT}{path} || exit 1
        read -r controllers < cgroup.controllers
        for one in $controllers; do echo +$one > cgroup.subtree_control; done
        {limit}
        """


def _make_slice(path: str, memory_max: int | None) -> str:
    """systemd makes it: a transient unit with the properties that the kubelet gives.

    https://www.freedesktop.org/software/systemd/man/252/org.freedesktop.systemd1.html
    """
    properties = ["DefaultDependencies b false"]
    properties += [f"{name}Accounting b true" for name in ("CPU", "IO", "Memory", "Tasks")]
    if memory_max is not None:
        properties.append(f"MemoryMax t {memory_max}")
    name = PurePosixPath(path).name
    return f"""
        set -e
        systemd=org.freedesktop.systemd1
        busctl --quiet call $systemd /org/freedesktop/systemd1 $systemd.Manager \\
            StartTransientUnit 'ssa(sv)a(sa(sv))' {name} replace \\
            {len(properties)} {" ".join(properties)} 0
        for attempt in $(seq 200); do [ ! -e {CGROUP_ROOT}{path} ] || exit 0; sleep 0.05; done
        echo "systemd has not made {name}" >&2
        exit 1
        """
