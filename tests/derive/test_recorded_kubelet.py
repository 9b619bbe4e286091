"""Our arithmetic against a real kubelet's /stats/summary (captured/README)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.host.cgroup_v2 import CgroupV2
from agent.host.disk_room import disk_room
from agent.host.mounts import MemoryHierarchy
from agent.host.node_memory import NodeMemory
from agent.host.root import HostRoot
from agent.model.cgroup import CgroupMode
from agent.model.memory import MemoryForm, RootMemory
from agent.parse.meminfo import parse_meminfo
from agent.parse.root_memory_stat import parse_root_memory_stat

CAPTURED = Path(__file__).parent / "captured"
RECORDINGS = {
    path.name: json.loads(path.read_text())
    for path in sorted(CAPTURED.glob("stats_summary_*.json"))
}
FORMS = {
    "v1.28.15": (MemoryForm.TOTAL_MINUS_FREE, MemoryForm.ANON_PLUS_FILE),
    "v1.34.2": (MemoryForm.ANON_PLUS_FILE, MemoryForm.TOTAL_MINUS_FREE),
}


def _instants() -> Iterator[Any]:
    for name, recording in RECORDINGS.items():
        for number, instant in enumerate(recording["instants"]):
            yield pytest.param(recording["kubelet"], instant, id=f"{name}-{number}")


def _root(read: dict[str, str]) -> RootMemory:
    total, free = parse_meminfo(read["meminfo"].encode())
    anon, file, inactive_file = parse_root_memory_stat(read["memory.stat"].encode())
    return RootMemory(total=total, free=free, anon=anon, file=file, inactive_file=inactive_file)


@pytest.mark.parametrize(("kubelet", "instant"), list(_instants()))
def test_memory_available(kubelet: str, instant: Any) -> None:
    """Of what was read within the kubelet's second, one is its number or the next to it; the other
    form is never so near.
    """
    memory = instant["summary"]["node"]["memory"]
    form, other = FORMS[kubelet]
    roots = [_root(read) for read in instant["root"]]

    def nearest_by(form: MemoryForm) -> float:
        by: float = min(
            abs((root.available(form) or 0) - memory["availableBytes"]) / root.total
            for root in roots
        )
        return by

    assert nearest_by(form) < 0.0005
    assert nearest_by(other) > 0.02
    nearest = min(roots, key=lambda r: abs((r.available(form) or 0) - memory["availableBytes"]))
    assert nearest.total == memory["availableBytes"] + memory["workingSetBytes"]
    assert abs((nearest.usage_of(form) or 0) - memory["usageBytes"]) / nearest.total < 0.0005


def test_some_are_the_same_to_the_byte() -> None:
    """Nothing moved between the kubelet's read and ours."""
    for recording in RECORDINGS.values():
        form, _ = FORMS[recording["kubelet"]]
        assert any(
            _root(read).available(form) == instant["summary"]["node"]["memory"]["availableBytes"]
            for instant in recording["instants"]
            for read in instant["root"]
        )


def _host(instant: Any, root: Path) -> NodeMemory:
    """What was read from the kernel, as files of a host again."""
    pods, pid = instant["kubepods"], instant["pid"]
    files = {
        "cgroup/kubepods/memory.current": pods["memory.current"],
        "cgroup/kubepods/memory.max": pods["memory.max"],
        "cgroup/kubepods/memory.stat": f"anon 0\nfile 0\ninactive_file {pods['inactive_file']}\n",
        "proc/loadavg": pid["loadavg"],
        "proc/sys/kernel/pid_max": pid["sys/kernel/pid_max"],
        "proc/sys/kernel/threads-max": pid["sys/kernel/threads-max"],
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    fs = CgroupV2(MemoryHierarchy(mode=CgroupMode.V2, mount_point=root / "cgroup"))
    return NodeMemory(HostRoot.at(root), fs)


@pytest.mark.parametrize(("kubelet", "instant"), list(_instants()))
def test_the_other_signals(
    kubelet: str, instant: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kubepods' available memory, tasks and file systems, as the agent reads and computes them."""
    node = instant["summary"]["node"]
    memory = _host(instant, tmp_path)
    [kubepods] = [c["memory"] for c in node["systemContainers"] if c["name"] == "pods"]
    room = memory.kubepods()
    assert room.available == kubepods["availableBytes"]
    assert room.capacity == kubepods["availableBytes"] + kubepods["workingSetBytes"]
    tasks = memory.tasks()
    assert tasks.capacity == node["rlimit"]["maxpid"]
    assert abs(tasks.capacity - tasks.available - node["rlimit"]["curproc"]) <= 2
    for path, said in (
        ("/var/lib/kubelet", node["fs"]),
        ("/var/lib/containerd", node["runtime"]["imageFs"]),
    ):
        frsize, blocks, bfree, bavail, files, ffree = instant["statvfs"][path]
        found = os.statvfs_result(
            (frsize, frsize, blocks, bfree, bavail, files, ffree, ffree, 0, 255)
        )
        with monkeypatch.context() as patched:
            patched.setattr(os, "statvfs", lambda asked, found=found: found)
            space, inodes = disk_room(Path(path))
        assert inodes is not None
        assert (space.capacity, inodes.capacity) == (said["capacityBytes"], said["inodes"])
        assert abs(space.available - said["availableBytes"]) <= 8 << 20
        assert abs(inodes.available - said["inodesFree"]) <= 10
