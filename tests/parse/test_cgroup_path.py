"""agent.parse.cgroup_path"""

from __future__ import annotations

import pytest

from agent.model.cgroup import MISMATCH, CgroupLevel, CgroupPlace
from agent.parse.cgroup_path import is_of_crun, place

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
UID_ = UID.replace("-", "_")
STATIC = "0123456789abcdef0123456789abcdef"
ID = "253748b789a4f7662b4ea1da40a21f7debbc60570505989224a206bd762592ae"
OTHER = "ee18096c98628ff5c4f51f4e68a77fff3706500c838e9bb26e8242b1b852a3af"

KIND = "/kubelet.slice/kubelet-kubepods.slice"
CRIO_POD = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice"
NODE_IN_DOCKER = f"/system.slice/docker-{OTHER}.scope"


@pytest.mark.parametrize(
    ("pod_path", "qos", "driver"),
    [
        (f"/kubepods/burstable/pod{UID}", "burstable", "cgroupfs"),
        (f"/kubepods/besteffort/pod{UID}", "besteffort", "cgroupfs"),
        (f"/kubepods/pod{UID}", "guaranteed", "cgroupfs"),
        (f"/kubelet/kubepods/burstable/pod{UID}", "burstable", "cgroupfs"),
        (f"/docker/{OTHER}/kubelet/kubepods/pod{UID}", "guaranteed", "cgroupfs"),
        (f"/../kubepods/burstable/pod{UID}", "burstable", "cgroupfs"),
        (
            f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice",
            "burstable",
            "systemd",
        ),
        (f"/kubepods.slice/kubepods-pod{UID_}.slice", "guaranteed", "systemd"),
        (
            f"{KIND}/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{UID_}.slice",
            "besteffort",
            "systemd",
        ),
        (f"{KIND}/kubelet-kubepods-pod{UID_}.slice", "guaranteed", "systemd"),
        (
            f"{NODE_IN_DOCKER}{KIND}/kubelet-kubepods-pod{UID_}.slice",
            "guaranteed",
            "systemd",
        ),
    ],
)
@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("", ""),
        (ID, ""),
        (f"cri-containerd-{ID}.scope", ""),
        (f"crio-{ID}.scope", ""),
        (f"crio-{ID}", ""),
        (f"docker-{ID}.scope", ""),
        (ID, "/init.scope"),
        (f"crio-{ID}.scope", "/container"),
        (ID, f"/kubepods/burstable/pod{STATIC}/{OTHER}"),
        (ID, f"/kubepods.slice/kubepods-pod{STATIC}.slice/cri-containerd-{OTHER}.scope"),
        (ID, f"/x.slice:cri-containerd:{OTHER}"),
        (ID, "/ (deleted)/\xff/,task_memcg=/kubepods"),
    ],
)
def test_in_a_pod(pod_path: str, qos: str, driver: str, name: str, below: str) -> None:
    """A pod, its containers, and whatever they make: the outermost match counts."""
    container_path = f"{pod_path}/{name}" if name else ""
    path = (container_path or pod_path) + below
    level = CgroupLevel.POD
    if name:
        level = CgroupLevel.NESTED if below else CgroupLevel.CONTAINER
    assert place(path) == CgroupPlace(
        path=path,
        level=level,
        pod_uid=UID,
        container_id=ID if name else "",
        container_path=container_path,
        pod_path=pod_path,
        qos=qos,
        driver=driver,
    )


@pytest.mark.parametrize(
    ("path", "level", "qos", "driver"),
    [
        ("/kubepods", CgroupLevel.KUBEPODS, "", "cgroupfs"),
        ("/kubepods.slice", CgroupLevel.KUBEPODS, "", "systemd"),
        ("/kubelet/kubepods", CgroupLevel.KUBEPODS, "", "cgroupfs"),
        (KIND, CgroupLevel.KUBEPODS, "", "systemd"),
        ("/kubepods/burstable", CgroupLevel.QOS, "burstable", "cgroupfs"),
        ("/kubepods.slice/kubepods-besteffort.slice", CgroupLevel.QOS, "besteffort", "systemd"),
        (f"{KIND}/kubelet-kubepods-burstable.slice", CgroupLevel.QOS, "burstable", "systemd"),
        ("/kubepods/else", CgroupLevel.KUBEPODS, "", "cgroupfs"),
        ("/kubepods/burstable/pod", CgroupLevel.QOS, "burstable", "cgroupfs"),
        ("/kubepods/burstable/pod,x", CgroupLevel.QOS, "burstable", "cgroupfs"),
        # Not named after its parent, as systemd's slices always are:
        ("/kubepods.slice/x-burstable.slice", CgroupLevel.KUBEPODS, "", "systemd"),
        (f"/kubepods.slice/pod{UID_}.slice", CgroupLevel.KUBEPODS, "", "systemd"),
    ],
)
def test_above_pods(path: str, level: CgroupLevel, qos: str, driver: str) -> None:
    """kubepods and the classes; an unknown name below stays at the level above."""
    assert place(path) == CgroupPlace(path=path, level=level, qos=qos, driver=driver)


@pytest.mark.parametrize(
    "name", [f"crio-conmon-{ID}.scope", "else", ID[:-1], ID.upper(), f"{ID}.slice", f"x/{ID}"]
)
def test_in_a_pod_but_no_container(name: str) -> None:
    """A runtime's monitor is in the pod, and no container."""
    found = place(f"/kubepods/burstable/pod{UID}/{name}")
    assert (found.level, found.pod_uid, found.container_id) == (CgroupLevel.POD, UID, "")
    assert found.pod_path == f"/kubepods/burstable/pod{UID}"


@pytest.mark.parametrize(
    ("pod", "uid"), [(f"pod{STATIC}", STATIC), ("podgap", "gap"), (f"pod{UID}", UID)]
)
def test_uid_without_dashes(pod: str, uid: str) -> None:
    """The uid of a static pod is a hash, with either driver."""
    assert place(f"/kubepods/{pod}").pod_uid == uid
    assert place(f"/kubepods.slice/kubepods-{pod.replace('-', '_')}.slice").pod_uid == uid


@pytest.mark.parametrize("above", ["", "/system.slice", "/system.slice/containerd.service"])
@pytest.mark.parametrize(("stem", "qos"), [("-burstable", "burstable"), ("", "guaranteed")])
@pytest.mark.parametrize("below", ["", "/nested", f"/kubepods/pod{STATIC}/{OTHER}"])
def test_drivers_disagree(above: str, stem: str, qos: str, below: str) -> None:
    """A runtime on cgroupfs makes one directory of what a kubelet on systemd asks for."""
    container_path = f"{above}/kubepods{stem}-pod{UID_}.slice:cri-containerd:{ID}"
    assert place(container_path + below) == CgroupPlace(
        path=container_path + below,
        level=CgroupLevel.NESTED if below else CgroupLevel.CONTAINER,
        pod_uid=UID,
        container_id=ID,
        container_path=container_path,
        qos=qos,
        driver=MISMATCH,
    )


@pytest.mark.parametrize("prefix", ["cri-containerd", "crio", "docker"])
def test_drivers_disagree_with_every_runtime(prefix: str) -> None:
    """All of them hand runc "slice:prefix:id"."""
    found = place(f"/system.slice/kubepods-burstable-pod{UID_}.slice:{prefix}:{ID}")
    assert (found.level, found.pod_uid, found.container_id, found.driver) == (
        CgroupLevel.CONTAINER,
        UID,
        ID,
        MISMATCH,
    )


@pytest.mark.parametrize(
    ("name", "of_crun"),
    [
        (f"crio-{ID}.scope/container", True),
        (f"crio-{ID}.scope/container/container", False),
        (f"crio-{ID}.scope/app", False),
        (f"crio-{ID}.scope", False),
        (f"cri-containerd-{ID}.scope/container", False),
        (f"cri-containerd-{OTHER}.scope/crio-{ID}.scope/container", False),
    ],
)
def test_the_cgroup_that_crun_makes(name: str, of_crun: bool) -> None:
    """The container's processes live in it: it is nested by its path, and the runtime's own."""
    found = place(f"/kubepods.slice/kubepods-pod{UID_}.slice/{name}")
    assert is_of_crun(found) is of_crun
    assert found.container_id in (ID, OTHER)


# As nodes show them in public reports, the ids of this file in place of theirs.
@pytest.mark.parametrize(
    ("path", "level", "container_id"),
    [
        # CRI-O: a container, its monitor in the pod (conmon_cgroup = "pod"), its sandbox without
        # a process, the monitor in system.slice (the default).
        (f"{CRIO_POD}/crio-{ID}.scope", CgroupLevel.CONTAINER, ID),
        (f"{CRIO_POD}/crio-{ID}.scope/container", CgroupLevel.NESTED, ID),
        (f"{CRIO_POD}/crio-conmon-{ID}.scope", CgroupLevel.POD, ""),
        (f"{CRIO_POD}/crio-{ID}", CgroupLevel.CONTAINER, ID),
        (f"/system.slice/crio-conmon-{ID}.scope", CgroupLevel.SYSTEM, ""),
        ("/system.slice/crio.service", CgroupLevel.SYSTEM, ""),
        (f"/kubepods/besteffort/pod{UID}/crio-{ID}", CgroupLevel.CONTAINER, ID),
        (f"/kubepods/besteffort/pod{UID}/crio-conmon-{ID}", CgroupLevel.POD, ""),
        # Docker behind cri-dockerd, then without Kubernetes, then a step of a build.
        (f"/kubepods.slice/kubepods-pod{UID_}.slice/docker-{ID}.scope", CgroupLevel.CONTAINER, ID),
        (f"/kubepods/burstable/pod{UID}/{ID}", CgroupLevel.CONTAINER, ID),
        (f"/system.slice/docker-{ID}.scope", CgroupLevel.SYSTEM, ""),
        (f"/docker/{ID}", CgroupLevel.SYSTEM, ""),
        ("/system.slice/system.slice:docker:jvifp9a6b1lxa1kuw8bwfcovf", CgroupLevel.SYSTEM, ""),
        # A node that is itself a container of Docker.
        (f"/docker/{OTHER}/kubepods/burstable/pod{UID}/{ID}", CgroupLevel.CONTAINER, ID),
    ],
)
def test_other_runtimes(path: str, level: CgroupLevel, container_id: str) -> None:
    """CRI-O and Docker: containers of pods are found, monitors and other containers are not."""
    found = place(path)
    assert (found.level, found.container_id) == (level, container_id)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/init.scope", "init.scope"),
        ("/system.slice", "system.slice"),
        ("/system.slice/containerd.service", "containerd.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/user.slice/user@0.service/app.slice/a.service/x/y", "a.service"),
        (r"/system.slice/system-getty\x2dx.slice", r"system-getty\x2dx.slice"),
        ("/nw-drill", "nw-drill"),
        ("/docker/" + ID, ID),
        (f"/system.slice/crio-conmon-{ID}.scope", f"crio-conmon-{ID}.scope"),
        ("/kubepodsx/burstable", "burstable"),
        ("", ""),
        ("x", "x"),
        ("//", ""),
    ],
)
def test_outside_kubernetes(path: str, unit: str) -> None:
    """The innermost unit of systemd, else the last name."""
    assert place(path) == CgroupPlace(path=path, level=CgroupLevel.SYSTEM, unit=unit)


def test_root() -> None:
    """The root has no unit and no driver."""
    assert place("/") == CgroupPlace(path="/", level=CgroupLevel.ROOT)
