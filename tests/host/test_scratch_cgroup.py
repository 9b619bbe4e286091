"""The drill's cgroup: made whole or not at all, and always removed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.cgroup_tree import CounterReading
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.host.scratch_cgroup import ScratchCgroup
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode, MemoryEvents
from tests.host.this_host import (
    LIMIT_BYTES,
    bare_v2_cgroup,
    eater,
    missing,
    oom_kill,
    real_v2,
    scratch,
    unique,
)


class NoCounters:
    """Of a v2 hierarchy without the memory controller."""

    def read(self) -> CounterReading:
        return CounterReading(events=MemoryEvents(oom=0, oom_kill=0))

    def close(self) -> None:
        pass


class WithoutMemory(CgroupV2):
    def open_counters(self, path: str) -> NoCounters:  # type: ignore[override]
        return NoCounters()


@pytest.fixture
def bare_v2() -> Iterator[ScratchCgroup]:
    """On the real v2 hierarchy, whatever controllers it has: killing and removing are the same."""
    with bare_v2_cgroup("scratch") as (fs, path):
        without = WithoutMemory(MemoryHierarchy(mode=CgroupMode.V2, mount_point=fs.root))
        yield ScratchCgroup(without, path[1:])
        without.close()


def test_kill_and_removal(cgroups: CgroupFs) -> None:
    """One real kill, counted; afterwards nothing is left."""
    with oom_kill(cgroups, "drill") as (cgroup, child):
        assert cgroups.limit(cgroup.path) == LIMIT_BYTES
        assert cgroup.oom_kill() == 0
        child.go()
        assert child.reap() == -signal.SIGKILL
        assert cgroup.oom_kill() == 1
        assert cgroup.read().events.oom_kill == 1
    assert not cgroups.directory(cgroup.path).exists()


def test_removal_takes_the_living_along(cgroups: CgroupFs) -> None:
    """Processes that are still in it are killed, and waited for."""
    with eater() as first, eater() as second:
        with scratch(cgroups, "living") as cgroup:
            cgroup.add(first.pid)
            cgroup.add(second.pid)
        assert not cgroups.directory(cgroup.path).exists()
        assert {first.reap(), second.reap()} == {-signal.SIGKILL}


def test_removal_on_v2(bare_v2: ScratchCgroup) -> None:
    """cgroup.kill does it, and cgroup.events tells when it is done."""
    with eater() as first, eater() as second:
        bare_v2.add(first.pid)
        bare_v2.add(second.pid)
        bare_v2.remove()
        assert {first.reap(), second.reap()} == {-signal.SIGKILL}
        bare_v2.remove()  # harmless when repeated


def test_error_in_the_block_removes_too(cgroups: CgroupFs) -> None:
    """Whatever happens in between."""
    cgroup = ScratchCgroup.create(cgroups, unique("error"), LIMIT_BYTES)
    with pytest.raises(ZeroDivisionError), cgroup:
        raise ZeroDivisionError
    assert not cgroups.directory(cgroup.path).exists()


def test_what_is_there_is_not_touched(cgroups: CgroupFs) -> None:
    """A name that is taken belongs to somebody else."""
    with scratch(cgroups, "taken") as cgroup:
        with pytest.raises(SourceAbsent, match="exists already") as raised:
            ScratchCgroup.create(cgroups, cgroup.path[1:], LIMIT_BYTES // 2)
        assert raised.value.absent.absence is Absence.FAILED
        assert cgroups.limit(cgroup.path) == LIMIT_BYTES


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\nb"])
def test_names(cgroups: CgroupFs, name: str) -> None:
    """Only a plain name at the top; never a path."""
    with pytest.raises(ValueError, match="not a name"):
        ScratchCgroup.create(cgroups, name, LIMIT_BYTES)


def test_half_made_is_not_left(cgroups: CgroupFs) -> None:
    """A limit that the kernel refuses leaves no cgroup behind."""
    name = unique("half")
    with pytest.raises(SourceAbsent):
        ScratchCgroup.create(cgroups, name, -5)
    assert not cgroups.directory(f"/{name}").exists()


def test_left_behind_is_removed_later(cgroups: CgroupFs) -> None:
    """By its name alone, as the next drill does with what a killed one left."""
    with scratch(cgroups, "left") as cgroup, eater() as child:
        cgroup.add(child.pid)
        ScratchCgroup(cgroups, cgroup.path[1:]).remove()
        assert not cgroups.directory(cgroup.path).exists()
        assert child.reap() == -signal.SIGKILL


def test_ourselves_we_do_not_kill(bare_v2: ScratchCgroup) -> None:
    """Should we be in it, the others are killed one by one, and the removal says who is left."""
    directory = real_v2().mount_point / bare_v2.path[1:]
    before = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
    with eater() as child:
        bare_v2.add(child.pid)
        bare_v2.add(os.getpid())
        try:
            bare_v2.kill_all()
            assert child.reap() == -signal.SIGKILL
            with pytest.raises(SourceAbsent, match=f"still in it: {os.getpid()}$"):
                bare_v2.remove(deadline_seconds=0)
        finally:
            home = real_v2().mount_point / before.lstrip("/") / "cgroup.procs"
            home.write_text(str(os.getpid()))
    assert directory.exists()


def test_removal_waits_for_a_child_cgroup(cgroups: CgroupFs) -> None:
    """What nobody reports is looked at again, until the deadline."""
    with scratch(cgroups, "child") as cgroup:
        below = cgroups.directory(cgroup.path) / "below"
        below.mkdir()
        with pytest.raises(SourceAbsent, match="still in it: no process"):
            cgroup.remove(deadline_seconds=0.01)
        remover = threading.Timer(0.02, below.rmdir)
        remover.start()
        cgroup.remove()
        remover.join()
        assert not below.parent.exists()


def test_controller_not_handed_down() -> None:
    """On a v2 root without +memory the words say what to write where."""
    fs = CgroupV2(real_v2())
    try:
        if b"memory" in fs.read("/", "cgroup.subtree_control").split():
            pytest.skip("this machine's v2 root hands the memory controller down")
        name = unique("down")
        with pytest.raises(SourceAbsent, match=r"echo \+memory > .*subtree_control") as raised:
            ScratchCgroup.create(fs, name, LIMIT_BYTES)
        assert raised.value.absent.absence is Absence.UNSUPPORTED
        assert not fs.directory(f"/{name}").exists()
    finally:
        fs.close()


def test_group_kill(cgroups: CgroupFs) -> None:
    """memory.oom.group is set where it exists."""
    if cgroups.mode is not CgroupMode.V2:
        pytest.skip("cgroup v1 has no group kill")
    if os.geteuid() != 0:
        missing("making a cgroup needs root")
    with ScratchCgroup.create(cgroups, unique("group"), LIMIT_BYTES, group=True) as cgroup:
        assert cgroups.oom_group(cgroup.path)
