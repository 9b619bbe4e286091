"""The watcher of cgroups over a directory that imitates cgroup v2; inotify is the kernel's own."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_v2 import CgroupV2
from agent.host.inotify import IN_Q_OVERFLOW, Inotify, InotifyEvent
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.evidence import (
    CgroupAppeared,
    CgroupGone,
    CountersSeen,
    Observation,
    SourceLost,
)
from agent.observe.cgroups import RESYNC_TICKS, STEP, CgroupWatcher
from agent.observe.watches import Watches
from tests.ledger.kernel import CID, CONTAINER, OTHER, POD

EVENTS = "low 0\nhigh 0\nmax 0\noom {0}\noom_kill {0}\noom_group_kill 0\n"
KUBELET = "/kubelet.slice/kubelet-kubepods.slice"
SLICE = "kubelet-kubepods-pod1e6c3ddd_935d_44be_ac0b_1df537489e4e.slice"
MISMATCH = "/system.slice/kubepods-pod1e6c3ddd_935d_44be_ac0b_1df537489e4e.slice:cri-containerd:"


class Exhausted(Inotify):
    """So many watches are left."""

    def __init__(self, room: int = 0) -> None:
        super().__init__()
        self.room = room

    def add_watch(self, path: str | bytes | Path, mask: int) -> int:
        if not self.room:
            raise SourceAbsent(Absence.FAILED, f"{path!r}: inotify watches are exhausted")
        self.room -= 1
        return super().add_watch(path, mask)


class Overflowing(Inotify):
    """Loses all that was queued when told to."""

    lose = False

    def read(self) -> tuple[InotifyEvent, ...]:
        events = super().read()
        return (InotifyEvent(-1, IN_Q_OVERFLOW, 0, b""),) if self.lose else events


class Broken(Inotify):
    """Cannot be read."""

    def read(self) -> tuple[InotifyEvent, ...]:
        raise SourceAbsent(Absence.FAILED, "EIO")


class Tree:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.fs = CgroupV2(MemoryHierarchy(mode=CgroupMode.V2, mount_point=root))
        self.watchers: list[CgroupWatcher] = []

    def make(self, path: str, *, counted: bool = True) -> None:
        """A cgroup, as mkdir makes it: those above it are there or are made."""
        here = self.root
        for name in path.strip("/").split("/"):
            here /= name
            if not here.exists():
                here.mkdir()
                if counted:
                    self.write(here, 0)

    def write(self, directory: Path, kills: int) -> None:
        for name in ("memory.events", "memory.events.local"):
            (directory / name).write_text(EVENTS.format(kills))

    def kill(self, path: str, kills: int) -> None:
        self.write(self.root / path.strip("/"), kills)

    def remove(self, path: str) -> None:
        directory = self.root / path.strip("/")
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()

    def watch(self, inotify: Inotify | None) -> CgroupWatcher:
        def opened() -> Inotify:
            if inotify is None:
                raise SourceAbsent(Absence.FAILED, "inotify instances are exhausted")
            return inotify

        watcher = CgroupWatcher(self.fs, opened)
        self.watchers.append(watcher)
        return watcher


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path)
    yield tree
    for watcher in tree.watchers:
        watcher.close()
    tree.fs.close()


def readable(watcher: CgroupWatcher) -> bool:
    descriptor = watcher.fileno()
    return descriptor is not None and bool(select.select([descriptor], [], [], 0)[0])


def drained(watcher: CgroupWatcher) -> list[Observation]:
    seen, more = watcher.observe()
    while more or readable(watcher):
        found, more = watcher.observe()
        seen.extend(found)
    return seen


def came(seen: list[Observation]) -> list[str]:
    return [item.place.path for item in seen if isinstance(item, CgroupAppeared)]


def went(seen: list[Observation]) -> list[str]:
    return [item.place.path for item in seen if isinstance(item, CgroupGone)]


def counts(seen: list[Observation]) -> dict[str, int]:
    return {
        item.place.path: item.events.oom_kill
        for item in seen
        if isinstance(item, CountersSeen) and item.events is not None
    }


@pytest.mark.parametrize(
    "path",
    [
        CONTAINER,
        f"{KUBELET}/{SLICE}/cri-containerd-{CID}.scope",
        MISMATCH + CID,
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_containers_are_found(tree: Tree, path: str, there: bool) -> None:
    """In all places where kubelets put them, there at the start or made later, kubepods too."""
    if there:
        tree.make(path)
    watcher = tree.watch(Inotify())
    seen = watcher.start()
    if not there:
        assert came(seen) == []
        tree.make(path)
        seen = drained(watcher)
    assert came(seen)[-1] == path
    assert {item.live for item in seen if isinstance(item, CgroupAppeared)} == {not there}
    tree.kill(path, 2)
    assert counts(drained(watcher)) == {path: 2}


def test_what_a_container_makes_is_not_followed(tree: Tree) -> None:
    """Names below a container are its own, whatever they imitate."""
    watcher = tree.watch(Inotify())
    watcher.start()
    tree.make(f"{CONTAINER}/kubepods/pod1")
    assert came(drained(watcher))[-1] == CONTAINER


def test_gone_and_back(tree: Tree) -> None:
    """A path that comes again is another cgroup."""
    tree.make(CONTAINER)
    watcher = tree.watch(Inotify())
    watcher.start()
    tree.remove(CONTAINER)
    assert went(drained(watcher)) == [CONTAINER]
    tree.make(CONTAINER)
    seen = drained(watcher)
    assert came(seen) == [CONTAINER]
    assert [item.appeared for item in seen if isinstance(item, CountersSeen)][:1] == [True]


def test_many_at_once_come_in_steps(tree: Tree) -> None:
    """However many cgroups appear at once, one step reads so many and leaves the rest to the next:
    none is lost, and what a pod holds comes with it.
    """
    tree.make(POD)
    watcher = tree.watch(Inotify())
    watcher.start()
    made = [f"{POD}/{number:064x}" for number in range(300)]
    for path in made:
        tree.make(path)
    found, more = watcher.observe()
    assert more
    assert STEP <= len(found) < 2 * STEP
    assert came(found) == made[: len(came(found))]
    assert came(found) + came(drained(watcher)) == made


def test_overflow_reads_the_tree_again(tree: Tree) -> None:
    """What the queue lost is found, and the loss is told."""
    inotify = Overflowing()
    tree.make(CONTAINER)
    watcher = tree.watch(inotify)
    watcher.start()
    tree.remove(CONTAINER)
    tree.make(OTHER)
    tree.kill(POD, 3)
    inotify.lose = True
    seen, _ = watcher.observe()
    assert [item.lost for item in seen if isinstance(item, SourceLost)] == [None]
    assert (came(seen), went(seen)) == ([OTHER], [CONTAINER])
    assert counts(seen)[POD] == 3


@pytest.mark.parametrize("room", [None, 0, 1, 2, 3])
def test_what_is_not_watched_is_polled(tree: Tree, room: int | None) -> None:
    """No instance, or no watches left, or some: each tick finds what changed where nobody tells,
    the trouble is told once, and the detail says so.
    """
    tree.make(POD)
    watcher = tree.watch(None if room is None else Exhausted(room))
    seen = watcher.start()
    gaps = [item.detail for item in seen if isinstance(item, SourceLost)]
    assert len(gaps) == 1
    assert "exhausted" in gaps[0]
    assert "polled" in watcher.detail
    assert "exhausted" in watcher.detail

    def look() -> list[Observation]:
        return [*(drained(watcher) if room is not None else []), *watcher.tick()]

    tree.make(CONTAINER)
    seen = look()
    assert came(seen) == [CONTAINER]
    assert [item for item in seen if isinstance(item, SourceLost)] == []
    tree.kill(CONTAINER, 1)
    assert counts(look())[CONTAINER] == 1
    look()
    tree.kill(CONTAINER, 2)
    assert counts(look())[CONTAINER] == 2
    tree.remove(CONTAINER)
    tree.make(CONTAINER)
    seen = look()
    assert (went(seen), came(seen)) == ([CONTAINER], [CONTAINER])
    tree.remove(CONTAINER)
    assert went(look()) == [CONTAINER]


def test_a_raised_bound_is_used(tree: Tree) -> None:
    """Once there is room, all is watched again, and what came meanwhile is found."""
    tree.make(POD)
    inotify = Exhausted(0)
    watcher = tree.watch(inotify)
    watcher.start()
    tree.make(CONTAINER)
    inotify.room = 100
    assert came(watcher.tick()) == [CONTAINER]
    assert watcher.detail == ""
    tree.kill(CONTAINER, 1)
    tree.make(OTHER)
    seen = drained(watcher)
    assert (came(seen), counts(seen)[CONTAINER]) == ([OTHER], 1)


def test_an_instance_that_comes_later(tree: Tree) -> None:
    """Instances were exhausted at the start and are not any more: no restart is needed."""
    instances: list[Inotify] = []

    def opened() -> Inotify:
        if not instances:
            raise SourceAbsent(Absence.FAILED, "inotify instances are exhausted")
        return instances[0]

    watcher = CgroupWatcher(tree.fs, opened)
    tree.watchers.append(watcher)
    tree.make(CONTAINER)
    watcher.start()
    assert watcher.fileno() is None
    instances.append(Inotify())
    watcher.tick()
    assert (watcher.fileno(), watcher.detail) == (instances[0].fileno(), "")
    tree.make(OTHER)
    assert came(drained(watcher)) == [OTHER]


def test_an_instance_that_breaks(tree: Tree) -> None:
    """What it watched is polled, and watched again by the next instance."""
    instances = [Broken(), Inotify()]
    watcher = CgroupWatcher(tree.fs, lambda: instances.pop(0))
    tree.watchers.append(watcher)
    tree.make(CONTAINER)
    watcher.start()
    seen, more = watcher.observe()
    assert ([item.detail for item in seen if isinstance(item, SourceLost)], more) == (
        ["EIO"],
        False,
    )
    assert watcher.fileno() is None
    tree.make(OTHER)
    assert came(watcher.tick()) == [OTHER]
    assert watcher.detail == ""
    tree.kill(OTHER, 1)
    assert counts(drained(watcher)) == {OTHER: 1}


@pytest.mark.parametrize(
    "error", [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EIO], ids=errno.errorcode.__getitem__
)
def test_what_cannot_be_opened_is_not_gone(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """Nothing that exists is declared dead or forgotten; the trouble is told once, and what could
    not be read is read when it can be.
    """
    tree.make(CONTAINER)
    watcher = tree.watch(Inotify())
    watcher.start()

    def fail(*_: object) -> NoReturn:
        raise SourceAbsent.of(OSError(error, os.strerror(error)), "it")

    with monkeypatch.context() as patch:
        for name in ("open_counters", "inode", "children"):
            patch.setattr(tree.fs, name, fail)
        tree.make(OTHER)
        seen = drained(watcher)
        for _ in range(RESYNC_TICKS):
            seen.extend(watcher.tick())
        assert (came(seen), went(seen)) == ([], [])
        gaps = [item.detail for item in seen if isinstance(item, SourceLost)]
        assert len(gaps) == 1
        assert os.strerror(error) in gaps[0]
        assert gaps[0] in watcher.detail
        if error == errno.EMFILE:
            assert "ulimit -n" in watcher.detail
    tree.kill(OTHER, 1)
    seen = watcher.tick()
    assert (came(seen), went(seen), counts(seen)[OTHER]) == ([OTHER], [], 1)
    assert watcher.detail == ""


def test_counters_that_could_not_be_opened(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a free descriptor a cgroup is followed all the same, and counted as soon as there
    is one.
    """
    watcher = tree.watch(Inotify())
    watcher.start()

    def fail(path: str) -> NoReturn:
        raise SourceAbsent.of(OSError(errno.EMFILE, "x"), path)

    with monkeypatch.context() as patch:
        patch.setattr(tree.fs, "open_counters", fail)
        tree.make(CONTAINER)
        assert came(drained(watcher))[-1] == CONTAINER
        assert counts(watcher.tick()) == {}
        assert "cgroups cannot be read" in watcher.detail
    tree.kill(CONTAINER, 1)
    assert counts(watcher.tick())[CONTAINER] == 1
    assert watcher.detail == ""


def test_leaving_costs_what_leaves(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The death of one of many cgroups touches none of the others."""
    for number in range(200):
        tree.make(f"{POD}/{number:064x}")
    watcher = tree.watch(Inotify())
    watcher.start()
    forgotten: list[str] = []
    forget = Watches.forget

    def note(self: Watches, path: str) -> None:
        forgotten.append(path)
        forget(self, path)

    monkeypatch.setattr(Watches, "forget", note)
    gone = f"{POD}/{100:064x}"
    tree.remove(gone)
    assert went(drained(watcher)) == [gone]
    assert forgotten == [gone]


def test_counters_that_come_later(tree: Tree) -> None:
    """A cgroup whose parent hands the memory controller down only after its birth is counted from
    then on.
    """
    watcher = tree.watch(Inotify())
    tree.make(POD, counted=False)
    assert counts(watcher.start()) == {}
    tree.kill(POD, 1)
    assert counts(list(watcher.resync())) == {POD: 1}
    tree.kill(POD, 2)
    assert counts(drained(watcher)) == {POD: 2}


def test_a_hostile_name_has_one_printable_form(tree: Tree) -> None:
    """Told by inotify or found by reading, a name is the same, and steers no terminal."""
    tree.make("/kubepods")
    watcher = tree.watch(Inotify())
    watcher.start()
    tree.make("/kubepods/a\n\udcff")
    assert came(drained(watcher)) == ["/kubepods/a\\x0a\\xff"]
    assert came(list(watcher.resync())) == []
    tree.remove("/kubepods/a\n\udcff")
    assert went(drained(watcher)) == ["/kubepods/a\\x0a\\xff"]
