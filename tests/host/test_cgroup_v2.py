"""The memory controller's files on v2, of a captured host; of this one where it has them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.cgroup_v2 import RESERVED_FDS, CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupMode, Limit, MemoryEvents
from tests.host.this_host import LIMIT_BYTES, bare_v2_cgroup, oom_kill

EVENTS = "low 0\nhigh 0\nmax {}\noom {}\noom_kill {}\noom_group_kill 0\n"


def captured(root: Path, path: str = "pod", **files: str) -> CgroupV2:
    """A cgroup in a directory; `memory_max` is the file memory.max."""
    (root / path).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / path / name.replace("_", ".")).write_text(text)
    return CgroupV2(MemoryHierarchy(mode=CgroupMode.V2, mount_point=root))


def events(oom: int, oom_kill: int) -> MemoryEvents:
    return MemoryEvents(low=0, high=0, max=7, oom=oom, oom_kill=oom_kill, oom_group_kill=0)


def test_counters(tmp_path: Path) -> None:
    """Both files, as they are at each read."""
    fs = captured(
        tmp_path,
        memory_events=EVENTS.format(7, 1, 2),
        memory_events_local=EVENTS.format(7, 0, 0),
    )
    counters = fs.open_counters("/pod")
    reading = counters.read()
    assert (reading.events, reading.local) == (events(1, 2), events(0, 0))
    (tmp_path / "pod/memory.events").write_text(EVENTS.format(7, 3, 4))
    assert counters.read().events == events(3, 4)
    counters.close()
    counters.close()
    fs.close()


def test_before_5_2_there_are_no_local_counters(tmp_path: Path) -> None:
    """Then they are None, not zero."""
    counters = captured(tmp_path, memory_events=EVENTS.format(7, 1, 2)).open_counters("/pod")
    assert counters.read().local is None
    counters.close()


def test_removed_cgroup_has_vanished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENODEV is what kernfs says to a kept descriptor of a removed cgroup."""
    counters = captured(tmp_path, memory_events=EVENTS.format(7, 1, 2)).open_counters("/pod")

    def pread(*_: int) -> bytes:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(os, "pread", pread)
    with pytest.raises(SourceAbsent) as raised:
        counters.read()
    assert raised.value.absent.absence is Absence.VANISHED
    counters.close()


def test_no_counters(tmp_path: Path) -> None:
    """A cgroup without the memory controller is there, and one that is gone is not."""
    fs = captured(tmp_path)
    for path, absence in (
        ("/", Absence.UNSUPPORTED),
        ("/pod", Absence.UNSUPPORTED),
        ("/gone", Absence.VANISHED),
    ):
        with pytest.raises(SourceAbsent) as raised:
            fs.open_counters(path)
        assert raised.value.absent.absence is absence
    fs.close()


@pytest.mark.parametrize(("text", "limit"), [("max\n", Limit.UNLIMITED), ("33554432\n", 33554432)])
def test_limit(tmp_path: Path, text: str, limit: int | Limit) -> None:
    """memory.max in bytes, or the kernel's own word; the root has none."""
    fs = captured(tmp_path, memory_max=text)
    assert fs.limit("/pod") == limit
    assert fs.limit("/") is Limit.UNLIMITED
    with pytest.raises(SourceAbsent):
        fs.limit("/gone")
    fs.close()


def test_populated(tmp_path: Path) -> None:
    """cgroup.events covers what is below; without its line nothing is known."""
    fs = captured(tmp_path, cgroup_events="populated 1\nfrozen 0\n")
    assert fs.populated("/pod")
    assert fs.populated("/")
    captured(tmp_path, cgroup_events="populated 0\nfrozen 0\n")
    assert not fs.populated("/pod")
    captured(tmp_path, cgroup_events="frozen 0\n")
    with pytest.raises(ParseError):
        fs.populated("/pod")
    fs.close()


def test_oom_group(tmp_path: Path) -> None:
    """Off where the kernel has no such file, and an absence where the cgroup is gone."""
    fs = captured(tmp_path)
    assert not fs.oom_group("/pod")
    captured(tmp_path, memory_oom_group="1\n")
    assert fs.oom_group("/pod")
    with pytest.raises(SourceAbsent) as raised:
        fs.oom_group("/gone")
    assert raised.value.absent.absence is Absence.VANISHED
    fs.close()


def test_real_files() -> None:
    """Of an empty cgroup on this machine's v2 hierarchy."""
    with bare_v2_cgroup("v2") as (fs, path):
        assert not fs.populated(path)
        assert not fs.oom_group(path)
        assert fs.procs(path) == ()
        os.mkdir(fs.directory(path) / "below")
        assert [p for p, _ in fs.scan(path)] == [f"{path}/below"]
        os.rmdir(fs.directory(path) / "below")


def test_real_kill(cgroups: CgroupFs) -> None:
    """On a v2 host: the kill is counted where the victim was and where the limit was hit."""
    if cgroups.mode is not CgroupMode.V2:
        pytest.skip("the memory controller of this machine is on cgroup v1")
    with oom_kill(cgroups, "v2") as (cgroup, child):
        counters = cgroups.open_counters(cgroup.path)
        assert cgroups.limit(cgroup.path) == LIMIT_BYTES
        child.go()
        child.wait()
        reading = counters.read()
        assert reading.events.oom_kill == 1
        assert reading.local is None or (reading.local.oom, reading.local.oom_kill) == (1, 1)
        child.reap()
        cgroup.remove()
        with pytest.raises(SourceAbsent) as raised:
            counters.read()
        assert raised.value.absent.absence is Absence.VANISHED
        counters.close()


def test_descriptors_are_left_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the limit of open files a cgroup's counters are refused as if it were reached."""
    for name in ("memory.events", "memory.events.local"):
        (tmp_path / name).write_text(EVENTS.format(0, 0, 0))
    hierarchy = MemoryHierarchy(mode=CgroupMode.V2, mount_point=tmp_path)
    tree = CgroupV2(hierarchy)
    try:
        tree.open_counters("/").close()
        monkeypatch.setattr("resource.getrlimit", lambda which: (RESERVED_FDS, RESERVED_FDS))
        before = os.listdir("/proc/self/fd")
        with pytest.raises(SourceAbsent, match="Too many open files") as raised:
            tree.open_counters("/")
        assert raised.value.absent.absence is Absence.FAILED
        assert len(os.listdir("/proc/self/fd")) == len(before)
    finally:
        tree.close()
