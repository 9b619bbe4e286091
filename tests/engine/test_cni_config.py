"""agent.engine.cni_config: read at a change, and now and then anyway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.engine.board import SourceBoard
from agent.engine.cni_config import AGAIN_NS, ASK_NS, CNI_CONFIG, CNIConfigWatch
from agent.host.absence import SourceAbsent
from agent.host.cni_directory import CNIDirectory
from agent.host.cri import CriNetwork
from agent.host.inotify import Inotify
from agent.host.root import HostRoot
from agent.host.worker import Workers
from agent.model.absence import Absence
from agent.model.cni import CNIPlaces, NetworkWord
from agent.model.source import SourceHealth, SourceState
from tests.host.hanging import HangingWorkers
from tests.observe.fakes import FakeClock

CONF = '{"name": "a", "type": "ptp"}'


class Bench:
    def __init__(
        self, top: Path, directory: Path | None = None, bins: tuple[Path, ...] = ()
    ) -> None:
        self.clock = FakeClock(now_ns=AGAIN_NS)
        self.board = SourceBoard(self.clock)
        self.conf = top / "etc/cni/net.d"
        self.conf.mkdir(parents=True)
        self.top = top
        self.said: CriNetwork | SourceAbsent | None = CriNetwork(ready=True, message="")
        self.watch = CNIConfigWatch(
            directory=CNIDirectory(HostRoot.at(top), directory, bins),
            clock=self.clock,
            workers=Workers(1),
            board=self.board,
            network=self.network,
        )

    async def network(self) -> CriNetwork | None:
        if isinstance(self.said, SourceAbsent):
            raise self.said
        return self.said

    def look(self) -> int:
        """How many files it knows then."""
        self.look_only()
        assert self.watch.config is not None
        return len(self.watch.config.files)

    def look_only(self) -> None:
        asyncio.run(self.watch.look())

    def health(self) -> SourceHealth:
        return next(row for row in self.board.health() if row.name == CNI_CONFIG)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_changes_are_told(bench: Bench) -> None:
    """It is not read again before something has changed."""
    assert bench.look() == 0
    assert bench.look() == 0
    assert bench.health().records == 1
    (bench.conf / "10-a.conf").write_text(CONF)
    assert bench.look() == 1
    (bench.conf / "10-a.conf").unlink()
    assert bench.look() == 0
    assert bench.health().records == 3
    assert bench.watch.config is not None
    assert bench.watch.config.watched
    bench.watch.close()


def test_since_when_it_is_the_same(bench: Bench) -> None:
    """Not since the last look: since the last change."""
    (bench.conf / "10-a.conf").write_text(CONF)
    for _ in range(2):
        bench.look()
        assert bench.watch.config is not None
        assert bench.watch.config.same_since_boottime_ns == AGAIN_NS
        bench.clock.now_ns += AGAIN_NS
    (bench.conf / "10-a.conf").write_text(CONF.replace("ptp", "bridge"))
    bench.look()
    assert bench.watch.config is not None
    assert bench.watch.config.same_since_boottime_ns == bench.clock.now_ns
    bench.watch.close()


def test_the_runtime_is_asked(bench: Bench) -> None:
    """Every five seconds; while it does not answer, nothing is known of its word."""
    bench.look()
    assert bench.watch.word == NetworkWord(boottime_ns=AGAIN_NS, ready=True)
    bench.said = CriNetwork(ready=False, message="cni plugin not initialized")
    bench.look()
    assert bench.watch.word.ready
    bench.clock.now_ns += ASK_NS
    bench.look()
    assert bench.watch.word.message == "cni plugin not initialized"
    for bench.said in (None, SourceAbsent(Absence.FAILED, "silent")):
        bench.clock.now_ns += ASK_NS
        bench.look()
        assert bench.watch.word is None
    bench.watch.close()


def test_without_inotify(bench: Bench) -> None:
    """It is read every ten seconds."""

    def none() -> Inotify:
        raise SourceAbsent(Absence.FAILED, "exhausted")

    bench.watch.open_inotify = none
    bench.said = None
    assert bench.look() == 0
    (bench.conf / "10-a.conf").write_text(CONF)
    (bench.top / "opt/cni/bin").mkdir(parents=True)
    (bench.top / "opt/cni/bin/ptp").touch(0o755)
    assert bench.look() == 0
    bench.clock.now_ns += AGAIN_NS
    assert bench.look() == 1
    assert bench.health().detail == "read every 10 s"


def test_a_directory_that_comes_late(bench: Bench) -> None:
    """What cannot be watched yet is watched later."""
    bench.conf.rmdir()
    assert bench.look() == 0
    assert bench.watch.config is not None
    assert "No such file" in bench.watch.config.absent
    assert not bench.watch.config.watched
    bench.conf.mkdir()
    (bench.conf / "10-a.conf").write_text(CONF)
    bench.clock.now_ns += AGAIN_NS
    assert bench.look() == 1
    bench.watch.close()


def test_it_goes_where_the_runtime_looks(bench: Bench) -> None:
    """And watches there."""
    bench.look()
    there = bench.top / "var/lib/k3s/net.d"
    there.mkdir(parents=True)
    (there / "10-a.conf").write_text(CONF)
    places = CNIPlaces(conf_dir="/var/lib/k3s/net.d", bin_dirs=("/var/lib/k3s/cni",))
    bench.said = CriNetwork(ready=True, message="", places=places)
    bench.clock.now_ns += ASK_NS
    assert bench.look() == 1
    (there / "20-b.conf").write_text(CONF)
    assert bench.look() == 2
    bench.watch.close()


def test_the_runtime_has_one_elsewhere(bench: Bench) -> None:
    """It is blind to that once the runtime has said so after the files were read: a moment before,
    it may have been behind them.
    """
    bench.look()
    assert "elsewhere (/etc/cni/net.d has none): set cni.conf_dir" in bench.watch.elsewhere
    assert bench.health().state is SourceState.UP
    bench.clock.now_ns += ASK_NS
    bench.look()
    assert bench.health().state is SourceState.ABSENT
    assert "set cni.conf_dir" in bench.health().detail
    bench.said = CriNetwork(ready=False, message="cni plugin not initialized")
    bench.clock.now_ns += ASK_NS
    bench.look()
    assert bench.watch.elsewhere == ""
    assert bench.health().state is SourceState.UP
    bench.watch.close()


def test_a_runtime_that_falls_silent(tmp_path: Path) -> None:
    """What it has shown to be elsewhere stays so, until it says that its network is not ready or a
    file changes; what it has said only once may have been before its time.
    """
    bench = Bench(tmp_path, Path("/etc/cni/net.d"), (Path("/opt/cni/bin"),))

    def look(said: CriNetwork | None) -> str:
        bench.said = said
        bench.clock.now_ns += ASK_NS
        bench.look()
        return bench.watch.elsewhere

    ready = CriNetwork(ready=True, message="")
    assert "is ready by" in look(ready)
    assert look(None) == ""
    assert bench.health().state is SourceState.UP
    look(ready)
    look(ready)
    assert "was ready by a configuration elsewhere" in look(None)
    assert bench.watch.loaded == ("", bench.watch.elsewhere)
    assert "was ready by a configuration elsewhere" in look(None)
    assert bench.health().state is SourceState.ABSENT
    (bench.conf / "10-a.conf").write_text("{")
    assert look(None) == ""
    assert bench.health().state is SourceState.UP
    look(ready)
    look(ready)
    assert look(CriNetwork(ready=False, message="not initialized")) == ""
    assert look(None) == ""
    bench.watch.close()


def test_what_is_loaded(bench: Bench) -> None:
    """Or why nobody knows: it was not read, it hangs, or it is elsewhere."""
    assert bench.watch.loaded == ("", "the configuration has not been read yet")
    bench.said = CriNetwork(ready=False, message="cni plugin not initialized")
    bench.look()
    assert bench.watch.loaded == ("", "")
    (bench.conf / "10-a.conf").write_text(CONF)
    bench.look()
    assert bench.watch.loaded == ("/etc/cni/net.d/10-a.conf", "")
    bench.said = CriNetwork(ready=True, message="")
    bench.clock.now_ns += AGAIN_NS
    bench.look()
    assert "elsewhere (ptp: no such file in" in bench.watch.loaded[1]
    workers = bench.watch.workers = HangingWorkers(1)
    bench.watch.directory.read = lambda *_, **__: workers.hang()  # type: ignore[method-assign,assignment]
    bench.clock.now_ns += AGAIN_NS
    bench.look_only()
    assert bench.watch.loaded[1].startswith("reading the configuration: did not return")
    workers.let_go()
    bench.watch.close()
