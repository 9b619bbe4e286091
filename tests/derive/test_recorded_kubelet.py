"""Our arithmetic against a real kubelet's /stats/summary (captured/README)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.model.memory import MemoryForm, RootMemory
from agent.parse.loadavg import parse_tasks
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


@pytest.mark.parametrize(("kubelet", "instant"), list(_instants()))
def test_the_other_signals(kubelet: str, instant: Any) -> None:
    """kubepods' available memory, file systems and tasks."""
    node = instant["summary"]["node"]
    pods = instant["kubepods"]
    [kubepods] = [c["memory"] for c in node["systemContainers"] if c["name"] == "pods"]
    working_set = int(pods["memory.current"]) - pods["inactive_file"]
    assert kubepods["workingSetBytes"] == working_set
    assert kubepods["availableBytes"] == int(pods["memory.max"]) - working_set
    for path, fs in (
        ("/var/lib/kubelet", node["fs"]),
        ("/var/lib/containerd", node["runtime"]["imageFs"]),
    ):
        frsize, blocks, _, available, files, free = instant["statvfs"][path]
        assert fs["capacityBytes"] == frsize * blocks
        assert fs["inodes"] == files
        assert abs(fs["availableBytes"] - frsize * available) <= fs["capacityBytes"] * 0.05
        assert abs(fs["inodesFree"] - free) <= 10
    limits = [int(instant["pid"][f"sys/kernel/{name}"]) for name in ("pid_max", "threads-max")]
    assert node["rlimit"]["maxpid"] == min(limits)
    assert abs(node["rlimit"]["curproc"] - parse_tasks(instant["pid"]["loadavg"].encode())) <= 2
