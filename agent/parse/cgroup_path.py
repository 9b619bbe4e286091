"""The path of a cgroup, as the kubelet and the container runtimes choose it

cgroupfs driver:
    /kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/253748b789a4...
systemd driver:
    /kubepods.slice/kubepods-burstable.slice/
      kubepods-burstable-podd77700c8_03cf_421b_8b7e_5c695dbda7f2.slice/
      cri-containerd-4ecd7896f61e....scope
The kubelet on systemd, the runtime on cgroupfs:
    /system.slice/
      kubepods-burstable-pod1e6c3ddd_935d_44be_ac0b_1df537489e4e.slice:cri-containerd:ee18096c98...

Above "kubepods" may stand the kubelet's --cgroup-root and whatever holds the node itself
(/kubelet/kubepods, /kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod....slice). Guaranteed
pods have no level for their class. A sandbox's cgroup looks like a container's. Below its own
cgroup a container chooses all names, "kubepods" too: only the outermost match counts.

https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/cm/cgroup_manager_linux.go
"""

from __future__ import annotations

import re

from agent.model.cgroup import MISMATCH, CgroupLevel, CgroupPlace

_UUID = re.compile(
    r"([0-9a-f]{8})[-_]([0-9a-f]{4})[-_]([0-9a-f]{4})[-_]([0-9a-f]{4})[-_]([0-9a-f]{12})"
)
_POD_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")
_CONTAINER = re.compile(r"(?:([a-z][a-z0-9.-]{0,63})-)?([0-9a-f]{64})(?:\.scope)?")
_MONITORS = ("crio-conmon", "libpod-conmon")  # beside a container, not it
_MISMATCH = re.compile(
    r"(?:[^:]{0,200}-)?kubepods(?:-(burstable|besteffort))?-pod([0-9A-Za-z_.]{1,128})\.slice"
    r":[a-z][a-z0-9-]{0,63}:([0-9a-f]{64})"
)
_QOS = ("burstable", "besteffort")
_UNIT_TYPES = (".service", ".scope", ".slice")


# crun runs a container of CRI-O in a cgroup below its scope, and gives both the limit.
# https://github.com/containers/crun/blob/main/crun.1.md (run.oci.systemd.subgroup)
_CRUN = re.compile(r".*/crio-[0-9a-f]{64}\.scope/container", re.DOTALL)
_DRILL = re.compile(r"/nodewitness-drill-[0-9a-f]{8,64}")


def is_drill(path: str) -> bool:
    """Whether `nodectl drill oom` made this cgroup.

    At the top level of the hierarchy: no container can make a cgroup there, so none can pass its
    kills off as a drill.
    """
    return _DRILL.fullmatch(path) is not None


def is_of_crun(place: CgroupPlace) -> bool:
    """Whether the runtime made this nested cgroup, as the one that its container lives in."""
    return place.path == f"{place.container_path}/container" and bool(_CRUN.fullmatch(place.path))


def place(path: str) -> CgroupPlace:
    """Where the path stands, seen from Kubernetes, and the ids in it. Any string has a place.

    A name that Kubernetes would not give leaves the place at the level above it: what is in a pod
    and no container (a runtime's monitor) is at the pod's level, `pod_path` being shorter.
    """
    if path == "/":
        return CgroupPlace(path=path, level=CgroupLevel.ROOT)
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part == "kubepods":
            return _in_kubepods(path, parts, index, "cgroupfs")
        if part == "kubepods.slice" or part.endswith("-kubepods.slice"):
            return _in_kubepods(path, parts, index, "systemd")
        mismatch = _MISMATCH.fullmatch(part)
        if mismatch is not None:
            return _mismatched(path, parts, index, mismatch)
    return CgroupPlace(path=path, level=CgroupLevel.SYSTEM, unit=_unit(parts))


def _in_kubepods(path: str, parts: list[str], index: int, driver: str) -> CgroupPlace:
    """The levels from "kubepods" on: class, pod, container, and what the container makes."""
    # With systemd each name repeats its parent's: kubelet-kubepods.slice/kubelet-kubepods-pod...
    stem = parts[index].removesuffix(".slice") + "-" if driver == "systemd" else ""
    suffix = ".slice" if driver == "systemd" else ""
    rest = parts[index + 1 :]
    qos = next((qos for qos in _QOS if rest and rest[0] == stem + qos + suffix), "")
    if qos:
        index, rest = index + 1, rest[1:]
        stem += qos + "-" if driver == "systemd" else ""
    pod_uid = _pod_uid(rest[0], stem + "pod", suffix) if rest else ""
    if not pod_uid:
        level = CgroupLevel.QOS if qos else CgroupLevel.KUBEPODS
        return CgroupPlace(path=path, level=level, qos=qos, driver=driver)
    container_id = _container_id(rest[1]) if len(rest) > 1 else ""
    level = CgroupLevel.POD
    if container_id:
        level = CgroupLevel.CONTAINER if len(rest) == 2 else CgroupLevel.NESTED
    return CgroupPlace(
        path=path,
        level=level,
        pod_uid=pod_uid,
        container_id=container_id,
        container_path="/".join(parts[: index + 3]) if container_id else "",
        pod_path="/".join(parts[: index + 2]),
        qos=qos or "guaranteed",
        driver=driver,
    )


def _mismatched(path: str, parts: list[str], index: int, match: re.Match[str]) -> CgroupPlace:
    """One directory for all levels, for kubelet and runtime disagree."""
    nested = index + 1 < len(parts)
    return CgroupPlace(
        path=path,
        level=CgroupLevel.NESTED if nested else CgroupLevel.CONTAINER,
        pod_uid=_dashed(match[2]),
        container_id=match[3],
        container_path="/".join(parts[: index + 1]),
        qos=match[1] or "guaranteed",
        driver=MISMATCH,
    )


def _pod_uid(part: str, prefix: str, suffix: str) -> str:
    if not part.startswith(prefix) or not part.endswith(suffix):
        return ""
    uid = part[len(prefix) : len(part) - len(suffix)]
    return _dashed(uid) if _POD_UID.fullmatch(uid) else ""


def _dashed(uid: str) -> str:
    """As the API has it: systemd's names cannot hold "-". A static pod's uid never has any."""
    match = _UUID.fullmatch(uid)
    return uid if match is None else "-".join(match.groups())


def _container_id(part: str) -> str:
    match = _CONTAINER.fullmatch(part)
    return "" if match is None or match[1] in _MONITORS else match[2]


def _unit(parts: list[str]) -> str:
    units = (part for part in reversed(parts) if part.endswith(_UNIT_TYPES))
    return next(units, parts[-1])
