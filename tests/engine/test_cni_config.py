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
from tests.observe.fakes import FakeClock

CONF = '{"name": "a", "type": "ptp"}'


class Bench:
    def __init__(self, top: Path) -> None:
        self.clock = FakeClock(now_ns=AGAIN_NS)
        self.board = SourceBoard(self.clock)
        self.conf = top / "etc/cni/net.d"
        self.conf.mkdir(parents=True)
        self.top = top
        self.said: CriNetwork | SourceAbsent | None = CriNetwork(ready=True, message="")
        self.watch = CNIConfigWatch(
            directory=CNIDirectory(HostRoot.at(top)),
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
        asyncio.run(self.watch.look())
        assert self.watch.config is not None
        return len(self.watch.config.files)

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
