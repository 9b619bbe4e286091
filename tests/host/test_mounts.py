"""Which hierarchy holds the memory controller, on captured hosts and on this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import open_cgroup_fs
from agent.host.cgroup_v1 import CgroupV1
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy, find_memory_hierarchy
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from tests.host.this_host import HOST, missing

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V2_LOCAL = V2.replace("nsdelegate", "nsdelegate,memory_localevents")
TMPFS = "28 23 0:25 / /sys/fs/cgroup ro,nosuid shared:4 - tmpfs tmpfs ro,mode=755\n"
UNIFIED = "30 28 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw,nsdelegate\n"
MEMORY = "35 28 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
CPU = "33 28 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:8 - cgroup cgroup rw,cpu,cpuacct\n"
# A container's view of the same hierarchy, bind-mounted by a runtime: not the root of it.
INNER = "90 80 0:32 /docker/1f /run/c/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
ELSEWHERE = "91 80 0:32 / /mnt/memory rw - cgroup cgroup rw,memory\n"


def captured(root: Path, mountinfo: str, controllers: str = "cpu io memory pids\n") -> HostRoot:
    """A host in a directory; of the mount points, only what is looked at exists."""
    for name, text in (
        ("proc/1/mountinfo", mountinfo),
        ("sys/fs/cgroup/cgroup.controllers", controllers),
        ("sys/fs/cgroup/memory/memory.oom_control", ""),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return HostRoot.at(root)


@pytest.mark.parametrize(
    ("mountinfo", "mode", "place"),
    [
        (V2, CgroupMode.V2, ""),
        (TMPFS + UNIFIED + CPU + MEMORY + INNER, CgroupMode.HYBRID, "memory"),
        (TMPFS + CPU + ELSEWHERE + MEMORY, CgroupMode.V1, "memory"),
    ],
)
def test_mode_and_place(tmp_path: Path, mountinfo: str, mode: CgroupMode, place: str) -> None:
    """The mode follows from what is mounted where the memory controller is."""
    root = captured(tmp_path, mountinfo)
    assert find_memory_hierarchy(root) == MemoryHierarchy(
        mode=mode, mount_point=root.sys / "fs/cgroup" / place
    )


def test_memory_localevents_is_noted(tmp_path: Path) -> None:
    """With this mount option memory.events is not hierarchical, and the books must know."""
    assert find_memory_hierarchy(captured(tmp_path, V2_LOCAL)).local_events_only


def test_memory_controller_switched_off(tmp_path: Path) -> None:
    """cgroup_disable=memory: nothing is mounted wrongly, and there is something to do."""
    with pytest.raises(SourceAbsent, match="cgroup_enable=memory") as raised:
        find_memory_hierarchy(captured(tmp_path, V2, controllers="cpu io pids\n"))
    assert raised.value.absent.absence is Absence.UNSUPPORTED


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    """/sys of the host is not where we look."""
    with pytest.raises(SourceAbsent) as raised:
        find_memory_hierarchy(captured(tmp_path, ELSEWHERE))
    assert raised.value.absent.absence is Absence.VANISHED


def test_own_mount_table_is_the_second_choice(tmp_path: Path) -> None:
    """Where the first process cannot be looked at, mount points are those that we see."""
    root = captured(tmp_path, "")
    (tmp_path / "proc/1/mountinfo").unlink()
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/self/mountinfo").write_text(V2.replace(" /sys/", f" {root.sys}/"))
    assert find_memory_hierarchy(root).mode is CgroupMode.V2


def test_one_class_for_each(tmp_path: Path) -> None:
    """v2 and v1 are opened as what they are."""
    v2 = open_cgroup_fs(captured(tmp_path / "v2", V2))
    v1 = open_cgroup_fs(captured(tmp_path / "v1", TMPFS + MEMORY))
    assert (type(v2), v2.hierarchy) == (CgroupV2, "v2")
    assert (type(v1), v1.hierarchy) == (CgroupV1, "memory")
    v2.close()
    v1.close()


def test_this_host() -> None:
    """The real mount table leads to a real hierarchy."""
    try:
        hierarchy = find_memory_hierarchy(HOST)
    except SourceAbsent as error:
        missing(str(error))
    assert (hierarchy.mount_point / "cgroup.procs").exists()
