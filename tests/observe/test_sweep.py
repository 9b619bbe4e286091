"""The sweep over a tree of directories: what is read how often, and what comes and goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.cgroup_v1 import CgroupV1
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode, CgroupPlace, Limit, MemoryEvents
from agent.model.usage import CgroupKind, CgroupSample, Sweep
from agent.observe.sweep import FULL_SECONDS, SERVICES_SECONDS, STEP, STEP_NS, Sweeper
from agent.observe.swept import LIMITS_EVERY
from agent.parse.cgroup_path import place
from tests.observe.fakes import FakeClock
from tests.parse.test_usage_files import CPU_STAT, IO_STAT, MEMORY_STAT, MEMORY_STAT_V1, PRESSURE

NS = 1_000_000_000
FULL = int(FULL_SECONDS)  # sweeps of a second
POD = "/kubepods/pod6b1f0c7e-1111-4222-8333-444455556666"
ONE, TWO = f"{POD}/{'1' * 64}", f"{POD}/{'2' * 64}"
FILES = {
    "cgroup.procs": b"",
    "memory.current": b"90000000\n",
    "memory.stat": MEMORY_STAT,
    "cpu.stat": CPU_STAT,
    "memory.pressure": PRESSURE,
    "cpu.pressure": PRESSURE,
    "io.pressure": PRESSURE,
    "io.stat": IO_STAT,
    "memory.events": b"low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n",
    "memory.peak": b"99000000\n",
    "memory.swap.current": b"0\n",
    "pids.current": b"8\n",
    "cgroup.events": b"populated 1\nfrozen 0\n",
    "memory.max": b"134217728\n",
    "memory.high": b"max\n",
    "memory.min": b"0\n",
    "memory.swap.max": b"0\n",
    "cpu.max": b"50000 100000\n",
    "cpu.weight": b"39\n",
    "pids.max": b"max\n",
}
BARE = {"cgroup.procs": b"", "cpu.stat": b"usage_usec 9\nuser_usec 5\nsystem_usec 4\n"}
FILES_V1 = {
    "cgroup.procs": b"",
    "memory.usage_in_bytes": b"1000\n",
    "memory.stat": MEMORY_STAT_V1,
    "memory.max_usage_in_bytes": b"2000\n",
    "memory.limit_in_bytes": b"9223372036854771712\n",
}


class Tree:
    """Directories that look like cgroups, and who follows them."""

    def __init__(self, root: Path, mode: CgroupMode) -> None:
        self.root = root
        hierarchy = MemoryHierarchy(mode=mode, mount_point=root)
        self.fs: CgroupFs = (CgroupV2 if mode is CgroupMode.V2 else CgroupV1)(hierarchy)
        self.clock = FakeClock(now_ns=NS)
        self.changes = 0
        self.paths: list[str] = []
        self.sweeper = Sweeper(
            self.fs,
            self.clock,
            self,
            is_sandbox=lambda key: key.inode == self.inode(TWO),
        )

    def followed(self) -> Iterator[tuple[CgroupPlace, int]]:
        return ((place(path), self.inode(path)) for path in self.paths)

    def inode(self, path: str) -> int:
        directory = self.root / path.strip("/")
        return directory.stat().st_ino if directory.exists() else 0

    def make(self, path: str, files: dict[str, bytes] = FILES, *, follow: bool = True) -> None:
        directory = self.root / path.strip("/")
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (directory / name).write_bytes(data)
        if follow:
            self.paths.append(path)
            self.changes += 1

    def remove(self, path: str) -> None:
        """As rmdir(2) does it, and nobody has told yet."""
        shutil.rmtree(self.root / path.strip("/"))

    def write(self, path: str, name: str, data: bytes) -> None:
        (self.root / path.strip("/") / name).write_bytes(data)

    def sweep(self) -> Sweep:
        for _ in self.sweeper.steps():
            pass
        self.clock.now_ns += NS
        assert self.sweeper.latest is not None
        return self.sweeper.latest

    def sample(self, path: str) -> CgroupSample:
        [found] = [s for s in self.sweep().samples.values() if s.place.path == path]
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path, CgroupMode.V2)
    yield made
    made.sweeper.close()
    made.fs.close()


def test_everything_of_a_container(tree: Tree) -> None:
    """The first sample is a full one."""
    tree.make(ONE)
    sample = tree.sample(ONE)
    assert (sample.kind, sample.id.inode) == (CgroupKind.CONTAINER, tree.inode(ONE))
    assert sample.boottime_ns == sample.full_boottime_ns == NS
    assert sample.memory is not None
    assert sample.memory.working_set == 90_000_000 - 69_779_456
    assert (sample.memory.peak, sample.memory.swap, sample.memory.refaults) == (99_000_000, 0, 12)
    assert sample.memory.events == MemoryEvents(
        oom=1, oom_kill=1, low=0, high=0, max=35, oom_group_kill=0
    )
    assert sample.cpu is not None
    assert sample.cpu.throttled_periods == 53
    assert sample.cpu_pressure == sample.memory_pressure == sample.io_pressure
    assert sample.io["254:0"].read_bytes == 21_024_768
    assert (sample.pids, sample.populated, sample.frozen) == (8, True, False)
    limits = sample.limits
    assert (limits.memory_max, limits.memory_high) == (134_217_728, Limit.UNLIMITED)
    assert (limits.cpu_cores, limits.cpu_weight, limits.swap_max) == (0.5, 39, 0)
    assert limits.pids_max is Limit.UNLIMITED


def test_what_moves_fast_is_read_each_time(tree: Tree) -> None:
    """The rest within ten sweeps; the sample says of when it is."""
    tree.make(ONE)
    for _ in range(3):
        tree.sweep()
    tree.write(ONE, "memory.current", b"95000000\n")
    tree.write(ONE, "pids.current", b"9\n")
    seen = [tree.sample(ONE) for _ in range(FULL + 1)]
    assert all(s.memory is not None and s.memory.current == 95_000_000 for s in seen)
    full = [s for s in seen if s.full_boottime_ns == s.boottime_ns]
    assert 1 <= len(full) <= 2
    for sample in seen:
        newer = sample.boottime_ns >= full[0].boottime_ns
        assert sample.pids == (9 if newer else 8)


def test_no_peak_is_below_what_was_read(tree: Tree) -> None:
    """It is read less often, and a container may have grown since."""
    tree.make(ONE)
    for _ in range(3):
        tree.sweep()
    tree.write(ONE, "memory.current", b"120000000\n")
    seen = [tree.sample(ONE).memory for _ in range(FULL)]
    assert {None if use is None else use.peak for use in seen} == {120_000_000}


def test_a_device_that_is_taken_away(tree: Tree) -> None:
    """What was read there was read: the sum over devices is a counter."""
    tree.make(ONE)
    tree.sample(ONE)
    tree.write(ONE, "io.stat", b"8:16 rbytes=5 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n")
    io = [tree.sample(ONE).io for _ in range(FULL + 1)][-1]
    assert (io["254:0"].read_bytes, io["8:16"].read_bytes) == (21_024_768, 5)


def test_limits_that_change_in_place(tree: Tree) -> None:
    """memory.max and cpu.max at once; those that hardly change within a minute."""
    tree.make(ONE)
    for _ in range(3 * FULL):
        tree.sweep()
    tree.write(ONE, "memory.max", b"max\n")
    tree.write(ONE, "cpu.weight", b"78\n")
    seen = [tree.sample(ONE).limits for _ in range(FULL)]
    assert seen[-1].memory_max is Limit.UNLIMITED
    assert seen[-1].cpu_weight == 78
    tree.write(ONE, "cpu.weight", b"39\n")
    assert [tree.sample(ONE) for _ in range(LIMITS_EVERY * FULL)][-1].limits.cpu_weight == 39


def test_what_is_not_there_is_none(tree: Tree) -> None:
    """The root has no memory.current; a kernel may have no PSI, no io controller, no limits."""
    tree.make("/", {**BARE, "memory.stat": MEMORY_STAT}, follow=False)
    tree.make(ONE, BARE)
    for path in ("/", ONE):
        sample = tree.sample(path)
        assert (sample.memory, sample.pids, sample.memory_pressure) == (None, None, None)
        assert sample.populated is None
        assert sample.limits.memory_max is sample.limits.cpu_cores is None
        assert sample.cpu is not None
        assert sample.cpu.periods is None
        assert sample.io == {}


def test_kinds(tree: Tree) -> None:
    for path in ("/", "/kubepods", POD, ONE, TWO, "/nodewitness-drill-" + "0" * 40):
        tree.make(path, follow=path != "/")
    tree.make("/system.slice/kubelet.service", follow=False)
    tree.make("/system.slice/init.scope", follow=False)
    kinds = {s.place.path: s.kind for s in tree.sweep().samples.values()}
    assert kinds == {
        "/": CgroupKind.NODE,
        "/kubepods": CgroupKind.KUBEPODS,
        POD: CgroupKind.POD,
        ONE: CgroupKind.CONTAINER,
        TWO: CgroupKind.SANDBOX,
        "/system.slice/kubelet.service": CgroupKind.SERVICE,
    }


def test_what_comes_and_goes(tree: Tree) -> None:
    """A cgroup is left out when it is gone, told or not; another one of its path is another one."""
    tree.make(ONE)
    tree.make(TWO)
    first = tree.sample(ONE)
    tree.remove(ONE)
    sweep = [tree.sweep() for _ in range(FULL)][-1]  # kernfs says ENODEV at once
    assert [s.place.path for s in sweep.samples.values()] == [TWO]
    assert sweep.missed == 0
    tree.make(ONE, follow=False)
    tree.changes += 1
    assert tree.sample(ONE).id.inode == tree.inode(ONE)
    tree.paths = [TWO]
    tree.changes += 1
    assert [s.place.path for s in tree.sweep().samples.values()] == [TWO]
    assert first.place.path == ONE


def test_services_come_later(tree: Tree) -> None:
    tree.make(ONE)
    tree.sweep()
    tree.make("/system.slice/containerd.service", follow=False)
    assert len(tree.sweep().samples) == 1
    tree.clock.now_ns += int(SERVICES_SECONDS * NS)
    assert len(tree.sweep().samples) == 2


def test_a_file_that_does_not_parse(tree: Tree) -> None:
    """That cgroup is missed and counted, the others are read; then it is well again."""
    tree.make(ONE)
    tree.make(TWO)
    tree.write(ONE, "memory.stat", b"anon x\nfile 1\ninactive_file 1\n")
    for _ in range(2):
        sweep = tree.sweep()
        assert [s.place.path for s in sweep.samples.values()] == [TWO]
        assert sweep.missed == 1
        assert "memory.stat" in tree.sweeper.detail
    tree.write(ONE, "memory.stat", MEMORY_STAT)
    assert (len(tree.sweep().samples), tree.sweeper.detail) == (2, "")


def test_others_may_run_in_between(tree: Tree) -> None:
    """A sweep of many is done in steps."""
    for number in range(2 * STEP + 1):
        tree.make(f"{POD}/{number:064x}")
    assert len(list(tree.sweeper.steps())) == 2 + 3  # to open them, to read them
    assert len(list(tree.sweeper.steps())) == 3
    assert tree.sweeper.latest is not None
    assert len(tree.sweeper.latest.samples) == 2 * STEP + 1


def test_slow_reading_makes_short_steps(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an emulated or overloaded node a step ends by the clock."""
    for number in range(STEP):
        tree.make(f"{POD}/{number:064x}")
    tree.sweep()

    def takes(now_ns: int) -> bool:
        tree.clock.now_ns = now_ns + STEP_NS // 4
        return True

    monkeypatch.setattr(tree.sweeper, "_is_sandbox", lambda key: takes(tree.clock.now_ns))
    assert STEP // 8 < len(list(tree.sweeper.steps())) <= STEP // 4 + 1


def test_a_burst_is_taken_up_little_by_little(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sweep opens more than some hundreds, no step more than some; then all are read, and what
    goes before its turn is no trouble.
    """
    monkeypatch.setattr("agent.observe.sweep.MOST_OPENED", 2 * STEP)
    monkeypatch.setattr("agent.observe.sweep.COMPARED", STEP)
    tree.make("/", BARE, follow=False)
    many = 5 * STEP
    for number in range(many - 1):
        tree.make(f"{POD}/{number:064x}", BARE)
    opened: list[int] = []
    late = 0
    while (first := tree.sweeper.latest) is None or len(first.samples) < many - 1:
        before = len(tree.sweeper._members)
        for _ in tree.sweeper.steps():
            now = len(tree.sweeper._members)
            assert now - before <= STEP
            before = now
        opened.append(before)
        assert tree.sweeper.behind == (before < many - 1)
        assert tree.sweeper.latest is not None
        late += len(tree.sweeper.latest.late)
        if len(opened) == 1:
            tree.remove(f"{POD}/{many - 2:064x}")
    assert opened == [2 * STEP, 4 * STEP, many - 1]
    assert tree.sweeper.latest is not None
    assert tree.sweeper.latest.missed == 0
    assert late == many - 1  # all of them were there before the first sweep


def test_whom_it_comes_to_late(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is there when the source is opened, and who could not be opened when he came; not
    who comes meanwhile.
    """
    tree.make("/", BARE, follow=False)
    tree.make(ONE, BARE)
    first = tree.sweep()
    assert first.late == first.samples.keys()

    def exhausted(*_: object) -> None:
        raise SourceAbsent(Absence.FAILED, "open files are exhausted")

    tree.make(TWO, BARE)
    with monkeypatch.context() as patched:
        patched.setattr("agent.observe.sweep.CgroupFiles", exhausted)
        assert tree.sweep().missed == 1
    third = f"{POD}/{'3' * 64}"
    tree.make(third, BARE)
    swept = tree.sweep()
    assert {tree.inode(TWO), tree.inode(third)} <= {key.inode for key in swept.samples}
    assert {key.inode for key in swept.late} == {tree.inode(TWO)}
    assert not tree.sweep().late


def test_whom_it_cannot_read_at_first(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there, and is told of when it is read at last; who is gone before is not."""
    for path in ("/", POD):
        tree.make(path, BARE, follow=path != "/")
    tree.sweep()
    for path in (ONE, TWO):
        tree.make(path, BARE)

    def exhausted(*_: object, **__: object) -> None:
        raise SourceAbsent(Absence.FAILED, "open files are exhausted")

    ids = {tree.inode(ONE), tree.inode(TWO)}
    with monkeypatch.context() as patched:
        patched.setattr("agent.observe.swept.SweptV2.sample", exhausted)
        swept = tree.sweep()
    assert ids < {key.inode for key in swept.failed}
    assert (len(swept.failed), swept.missed, swept.samples) == (4, 4, {})
    tree.remove(TWO)
    swept = tree.sweep()
    assert {key.inode for key in swept.late} == {tree.inode(ONE)}
    assert not swept.failed
    assert not tree.sweep().late


def test_services_that_cannot_be_listed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are swept as before, and are not new when they can."""
    unit = "/system.slice/kubelet.service"
    for path in ("/", unit):
        tree.make(path, BARE, follow=False)
    tree.sweep()

    def exhausted(*_: object) -> None:
        raise SourceAbsent(Absence.FAILED, "open files are exhausted")

    for broken in (True, False):
        tree.clock.now_ns += int(SERVICES_SECONDS * NS)
        with monkeypatch.context() as patched:
            if broken:
                patched.setattr(tree.fs, "children", exhausted)
            swept = tree.sweep()
        assert {s.place.path for s in swept.samples.values()} == {"/", unit}
        assert not swept.late


def test_more_services_than_are_swept(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes the place of another may have been there all the time."""
    monkeypatch.setattr("agent.observe.sweep.MAX_SERVICES", 1)
    for path in ("/", "/system.slice/a.service", "/system.slice/b.service"):
        tree.make(path, BARE, follow=False)
    tree.sweep()
    old = tree.inode("/system.slice/b.service")
    tree.remove("/system.slice/a.service")
    tree.clock.now_ns += int(SERVICES_SECONDS * NS)
    assert {key.inode for key in tree.sweep().late} == {old}


def test_v1(tmp_path: Path) -> None:
    """Memory, of the hierarchical lines; CPU, io and pressure are None."""
    tree = Tree(tmp_path, CgroupMode.HYBRID)
    tree.make(ONE, FILES_V1)
    for _ in range(FULL + 1):
        sample = tree.sample(ONE)
        assert sample.memory is not None
        assert (sample.memory.working_set, sample.memory.anon) == (940, 80)
        assert (sample.memory.peak, sample.memory.swap) == (2000, 4)
        assert sample.limits.memory_max is Limit.UNLIMITED
        assert (sample.cpu, sample.memory_pressure, sample.pids) == (None, None, None)
    tree.sweeper.close()
    tree.fs.close()
