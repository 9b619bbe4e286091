"""The memory controller on v1, captured and real where this machine has it, and cgroupspy."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from cgroupspy.interfaces import BaseFileInterface
from cgroupspy.nodes import Node

from agent.host import cgroup_v1 as module
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.cgroup_v1 import CgroupV1, ReadOnlyMemory
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupMode, Limit, MemoryEvents
from tests.host.this_host import LIMIT_BYTES, oom_kill, scratch

CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
FILES = {
    "memory.oom_control": CONTROL.format(3),
    "memory.limit_in_bytes": "33554432\n",
    "memory.usage_in_bytes": "1048576\n",
    "memory.max_usage_in_bytes": "2097152\n",
    "memory.failcnt": "70\n",
    "memory.stat": "cache 4096\nrss 1044480\n",
    "cgroup.procs": "",
}


def captured(root: Path, path: str = "pod", **changes: str) -> CgroupV1:
    """A cgroup in a directory."""
    (root / path).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (root / path / name).write_text(changes.get(name.replace(".", "_"), text))
    return CgroupV1(MemoryHierarchy(mode=CgroupMode.HYBRID, mount_point=root))


def test_counters(tmp_path: Path) -> None:
    """oom_kill of this cgroup alone; there is nothing local to tell apart."""
    counters = captured(tmp_path).open_counters("/pod")
    reading = counters.read()
    assert (reading.events, reading.local) == (MemoryEvents(oom=0, oom_kill=3), None)
    (tmp_path / "pod/memory.oom_control").write_text(CONTROL.format(4))
    assert counters.read().events.oom_kill == 4
    counters.close()
    counters.close()


def test_kernel_that_does_not_count(tmp_path: Path) -> None:
    """Before 4.13 there is no count: UNSUPPORTED, not zero."""
    fs = captured(tmp_path, memory_oom_control="oom_kill_disable 0\nunder_oom 0\n")
    with pytest.raises(SourceAbsent, match=r"4\.13") as raised:
        fs.open_counters("/pod").read()
    assert raised.value.absent.absence is Absence.UNSUPPORTED


def test_populated_looks_below(tmp_path: Path) -> None:
    """v1 has no file that says it."""
    fs = captured(tmp_path)
    captured(tmp_path, "pod/container")
    assert not fs.populated("/pod")
    (tmp_path / "pod/container/cgroup.procs").write_text("829\n")
    assert fs.populated("/pod")
    assert not fs.oom_group("/pod")
    with pytest.raises(SourceAbsent):
        fs.oom_group("/gone")


def test_inspection(tmp_path: Path) -> None:
    """One cgroup, closely; without swap accounting those figures are None."""
    fs = captured(tmp_path)
    seen = fs.inspect("/pod")
    assert (seen.usage_bytes, seen.max_usage_bytes, seen.failcnt) == (1048576, 2097152, 70)
    assert (seen.limit, fs.limit("/pod")) == (33554432, 33554432)
    assert (seen.memsw_usage_bytes, seen.memsw_limit) == (None, None)
    assert seen.stat == {"cache": 4096, "rss": 1044480}
    (tmp_path / "pod/memory.memsw.limit_in_bytes").write_text("9223372036854771712\n")
    assert fs.inspect("/pod").memsw_limit is Limit.UNLIMITED
    (tmp_path / "pod/memory.failcnt").write_text("many\n")
    with pytest.raises(ParseError):
        fs.inspect("/pod")
    with pytest.raises(SourceAbsent) as raised:
        fs.inspect("/gone")
    assert raised.value.absent.absence is Absence.VANISHED


def interfaces() -> dict[str, BaseFileInterface]:
    """Every file that an object of the class reads, inherited ones included."""
    found: dict[str, BaseFileInterface] = {}
    for base in reversed(ReadOnlyMemory.__mro__):
        found |= {k: v for k, v in vars(base).items() if isinstance(v, BaseFileInterface)}
    return found


@pytest.mark.parametrize("name", interfaces())
def test_cgroupspy_never_writes(tmp_path: Path, name: str) -> None:
    """Assignment is refused for every file, those of its base class included."""
    captured(tmp_path)
    memory: Any = ReadOnlyMemory(Node(os.fsencode(tmp_path / "pod")))
    assert interfaces()[name].readonly
    with pytest.raises(RuntimeError, match="readonly"):
        setattr(memory, name, 1)
    with pytest.raises(PermissionError):
        memory.set_property(b"memory.limit_in_bytes", 1)
    assert (tmp_path / "pod/memory.limit_in_bytes").read_text() == "33554432\n"


def test_discovery_agrees_with_our_own_walk(tmp_path: Path) -> None:
    """The same cgroups and inodes, the root left out."""
    fs = captured(tmp_path)
    captured(tmp_path, "pod/container")
    captured(tmp_path, "system.slice/memory")
    assert sorted(fs.discover()) == sorted(fs.scan())


def test_discovery_gives_up_on_a_restless_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cgroupspy raises when a directory goes while it looks; then our own walk has the word."""
    fs = captured(tmp_path)
    tries = []

    def restless(**_: object) -> object:
        tries.append(1)
        raise FileNotFoundError

    monkeypatch.setattr(module, "Tree", restless)
    assert fs.discover() == tuple(fs.scan())
    assert len(tries) == 5


def real(cgroups: CgroupFs) -> CgroupV1:
    if not isinstance(cgroups, CgroupV1):
        pytest.skip("the memory controller of this machine is on cgroup v2")
    return cgroups


def test_real_discovery_under_churn(cgroups: CgroupFs) -> None:
    """Cgroups come and go while the real tree is read."""
    fs = real(cgroups)
    with scratch(fs, "churn") as cgroup:
        stop = threading.Event()

        def churn() -> None:
            directory = fs.directory(cgroup.path)
            while not stop.is_set():
                for name in "abc":
                    os.mkdir(directory / name)
                for name in "abc":
                    os.rmdir(directory / name)

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(20):
                assert cgroup.path in dict(fs.discover())
                assert cgroup.path in dict(fs.scan())
        finally:
            stop.set()
            thread.join()


def test_real_kill(cgroups: CgroupFs) -> None:
    """The kill is counted where the victim was, and the count goes with the cgroup."""
    fs = real(cgroups)
    with oom_kill(fs, "v1") as (cgroup, child):
        counters = fs.open_counters(cgroup.path)
        assert counters.read().events.oom_kill == 0
        assert fs.limit(cgroup.path) == LIMIT_BYTES
        assert fs.inspect(cgroup.path).limit == LIMIT_BYTES
        assert fs.populated(cgroup.path)
        child.go()
        child.wait()
        assert counters.read().events.oom_kill == 1
        assert fs.inspect(cgroup.path).max_usage_bytes > LIMIT_BYTES // 2
        assert not fs.populated(cgroup.path)
        child.reap()
        cgroup.remove()
        with pytest.raises(SourceAbsent) as raised:
            counters.read()
        assert raised.value.absent.absence is Absence.VANISHED
        counters.close()


def test_unlimited(cgroups: CgroupFs) -> None:
    """The root of v1 prints its largest number, which is no limit."""
    assert real(cgroups).limit("/") is Limit.UNLIMITED
    assert real(cgroups).inspect("/").limit is Limit.UNLIMITED
