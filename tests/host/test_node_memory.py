"""agent.host.node_memory and disk_room on a made-up host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_v1 import CgroupV1
from agent.host.cgroup_v2 import CgroupV2
from agent.host.disk_room import disk_room
from agent.host.mounts import MemoryHierarchy
from agent.host.node_memory import NodeMemory
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupMode
from agent.model.memory import Room, RootMemory

MEMINFO = "MemTotal:        1000 kB\nMemFree:         300 kB\n"
V2_STAT = "anon 5000\nfile 3000\nkernel 1\ninactive_file 2000\n"
V1_STAT = "cache 3000\ninactive_file 1\ntotal_inactive_file 2000\n"


class _Host:
    def __init__(self, top: Path) -> None:
        self.top = top
        self.root = HostRoot.at(top)
        self.cgroup = top / "sys/fs/cgroup"
        self.cgroup.mkdir(parents=True)
        self.write("proc/meminfo", MEMINFO)
        self.write("proc/loadavg", "1.36 3.49 4.53 2/86 240\n")
        self.write("proc/sys/kernel/pid_max", "32768\n")
        self.write("proc/sys/kernel/threads-max", "15499\n")

    def write(self, path: str, text: str) -> None:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def memory(self, mode: CgroupMode) -> NodeMemory:
        hierarchy = MemoryHierarchy(mode=mode, mount_point=self.cgroup)
        fs: Any = CgroupV2(hierarchy) if mode is CgroupMode.V2 else CgroupV1(hierarchy)
        return NodeMemory(self.root, fs)


@pytest.fixture
def host(tmp_path: Path) -> _Host:
    return _Host(tmp_path)


def test_v2(host: _Host) -> None:
    host.write("sys/fs/cgroup/memory.stat", V2_STAT)
    host.write("sys/fs/cgroup/kubepods/memory.max", "9000\n")
    host.write("sys/fs/cgroup/kubepods/memory.current", "4500\n")
    host.write("sys/fs/cgroup/kubepods/memory.stat", V2_STAT)
    memory = host.memory(CgroupMode.V2)
    assert memory.root() == RootMemory(
        total=1024000, free=307200, inactive_file=2000, anon=5000, file=3000
    )
    assert memory.kubepods() == Room(available=6500, capacity=9000)


def test_v1(host: _Host) -> None:
    host.write("sys/fs/cgroup/memory.stat", V1_STAT)
    host.write("sys/fs/cgroup/memory.usage_in_bytes", "7000\n")
    slice_ = "sys/fs/cgroup/kubepods.slice"
    host.write(f"{slice_}/memory.limit_in_bytes", "9000\n")
    host.write(f"{slice_}/memory.usage_in_bytes", "500\n")
    host.write(f"{slice_}/memory.stat", V1_STAT)
    memory = host.memory(CgroupMode.V1)
    assert memory.root() == RootMemory(total=1024000, free=307200, inactive_file=2000, usage=7000)
    assert memory.kubepods() == Room(available=9000, capacity=9000)


def test_no_limit_and_no_kubepods(host: _Host) -> None:
    """Neither is zero room: both are absent, with their names."""
    host.write("sys/fs/cgroup/memory.stat", V2_STAT)
    memory = host.memory(CgroupMode.V2)
    with pytest.raises(SourceAbsent, match="no cgroup of kubepods") as none:
        memory.kubepods()
    assert none.value.absent.absence is Absence.VANISHED
    host.write("sys/fs/cgroup/kubepods.slice/memory.max", "max\n")
    with pytest.raises(SourceAbsent, match="no memory limit") as unlimited:
        memory.kubepods()
    assert unlimited.value.absent.absence is Absence.UNSUPPORTED


def test_tasks(host: _Host) -> None:
    memory = host.memory(CgroupMode.V2)
    assert memory.tasks() == Room(available=15499 - 86, capacity=15499)
    host.write("proc/sys/kernel/pid_max", "?\n")
    with pytest.raises(ParseError):
        memory.tasks()


def test_disk_room(tmp_path: Path) -> None:
    space, _ = disk_room(tmp_path)
    assert 0 <= space.available <= space.capacity
    with pytest.raises(SourceAbsent) as gone:
        disk_room(tmp_path / "gone")
    assert gone.value.absent.absence is Absence.VANISHED
