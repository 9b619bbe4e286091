"""agent.inventory.disk: files that may hang, of containers that may be gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.assemble import DISK_WORKERS
from agent.host.absence import SourceAbsent
from agent.inventory import disk as disk_module
from agent.inventory.disk import AT_A_TIME, PAUSE_SECONDS, Disk
from agent.model.absence import Absence, Absent
from tests.host.hanging import HangingWorkers
from tests.inventory.fakes import Timeline

ID = "4ecd7896f61e" + "ab" * 26
UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"


class Bench:
    """A Disk on a directory of the test's own."""

    def __init__(self, tmp_path: Path) -> None:
        self.bundles = tmp_path / "bundles"
        self.pod_logs = tmp_path / "pods"
        self.bundles.mkdir()
        self.time = Timeline()
        self.health: list[tuple[str, Absent | None]] = []
        self.workers = HangingWorkers(DISK_WORKERS)
        self.disk = Disk(
            workers=self.workers,
            bundles=self.bundles,
            pod_logs=self.pod_logs,
            on_health=lambda source, absent: self.health.append((source, absent)),
            clock=self.time.clock,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def hanging(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """`read_bundle` never returns until the test ends; which ids it was asked for."""
    asked: list[str] = []

    def hang(bundles: Path, container_id: str) -> None:
        asked.append(container_id)
        bench.workers.hang()

    monkeypatch.setattr(disk_module, "read_bundle", hang)
    yield asked
    bench.workers.let_go()


async def test_bundle(bench: Bench) -> None:
    """Names and init pid; the source is well."""
    (bench.bundles / ID).mkdir()
    config = {"annotations": {"io.kubernetes.cri.sandbox-name": "api-1"}}
    (bench.bundles / ID / "config.json").write_text(json.dumps(config))
    (bench.bundles / ID / "init.pid").write_text("4711")
    found = await bench.disk.bundle(ID)
    assert found is not None
    assert (found.names.pod, found.init_pid) == ("api-1", 4711)
    assert await bench.disk.init_pid(ID) == 4711
    assert bench.health == [("bundle", None)] * 2


async def test_bundle_that_is_gone(bench: Bench) -> None:
    """The ordinary end of a container says nothing of the source."""
    assert await bench.disk.bundle(ID) is None
    assert bench.health == []


async def test_bundle_that_does_not_parse(bench: Bench) -> None:
    """Told, and not believed."""
    (bench.bundles / ID).mkdir()
    (bench.bundles / ID / "config.json").write_text("{")
    assert await bench.disk.bundle(ID) is None
    ((source, absent),) = bench.health
    assert source == "bundle"
    assert absent is not None
    assert absent.absence is Absence.FAILED
    assert absent.detail.startswith(f"{bench.bundles}: expected config.json: JSON")


async def test_bundle_that_we_may_not_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """DENIED stays DENIED."""

    def deny(bundles: Path, container_id: str) -> None:
        raise SourceAbsent(Absence.DENIED, "no")

    monkeypatch.setattr(disk_module, "read_bundle", deny)
    assert await bench.disk.bundle(ID) is None
    assert bench.health == [("bundle", Absent(absence=Absence.DENIED, detail="no"))]


async def test_pod_logs(bench: Bench) -> None:
    """Names; an unknown pod is no failure, a missing directory is an absence."""
    assert await bench.disk.pod_logs(UID, ID) is None
    (bench.pod_logs / f"production_api-1_{UID}" / "app").mkdir(parents=True)
    found = await bench.disk.pod_logs(UID, ID)
    assert found is not None
    assert (found.namespace, found.pod, found.container) == ("production", "api-1", "app")
    assert await bench.disk.pod_logs(UID[1:], ID) is None
    (_, first), *others = bench.health
    assert first is not None
    assert first.absence is Absence.VANISHED
    assert others == [("pod-logs", None)] * 2


async def test_hanging_directory_is_left_alone(bench: Bench, hanging: list[str]) -> None:
    """One try, then none for a while; the other source is not touched by it."""
    for _ in range(5):
        assert await bench.disk.bundle(ID) is None
    ((source, absent),) = bench.health
    assert source == "bundle"
    assert absent is not None
    assert absent.absence is Absence.FAILED
    assert absent.detail.startswith(f"{bench.bundles}: ")
    (bench.pod_logs / f"production_api-1_{UID}").mkdir(parents=True)
    assert await bench.disk.pod_logs(UID, ID) is not None
    await bench.time.advance(PAUSE_SECONDS)
    assert await bench.disk.bundle(ID) is None
    assert len(bench.health) == 3


async def test_a_directory_that_hangs_for_long(bench: Bench, hanging: list[str]) -> None:
    """It costs the threads of the first tries, however many wanted it and however long it lasts:
    the other source is read all the while.
    """
    (bench.pod_logs / f"production_api-1_{UID}").mkdir(parents=True)
    for _ in range(5):
        tries = [bench.disk.bundle(ID) for _ in range(2 * DISK_WORKERS)]
        assert set(await asyncio.gather(*tries)) == {None}
        assert await bench.disk.pod_logs(UID, ID) is not None
        assert bench.workers.abandoned == len(hanging) == AT_A_TIME
        await bench.time.advance(PAUSE_SECONDS)


async def test_an_id_is_not_a_path(bench: Bench) -> None:
    """Who passes anything else has a bug."""
    with pytest.raises(ValueError, match="not a container's id"):
        await bench.disk.bundle("../../etc")
