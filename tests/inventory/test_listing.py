"""agent.inventory.listing: one question for all, and none for a runtime that is silent."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from agent.host.cri import CriClient, CriContainerStatus
from agent.inventory.listing import INTERVAL_SECONDS, PAUSE_SECONDS, Lister, Listing, word
from agent.inventory.names import ContainerKind, Names
from agent.model.absence import Absent
from tests.inventory.fakes import FakeRuntime, Timeline, silent, turns

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
POD_ID, MAIN_ID = "a" * 64, "b" * 64


class Bench:
    """A Lister, what it asks and what it says."""

    def __init__(self) -> None:
        self.time = Timeline()
        self.runtime = FakeRuntime()
        self.listings: list[Listing] = []
        self.health: list[Absent | None] = []
        self.lister = Lister(
            self.runtime,
            on_listing=self.listings.append,
            on_health=self.health.append,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    def ask(self) -> asyncio.Task[bool]:
        return asyncio.create_task(self.lister.refresh())


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_one_list_for_all_who_ask_at_once(bench: Bench) -> None:
    """250 new containers are one question."""
    assert await asyncio.gather(*(bench.ask() for _ in range(250))) == [True] * 250
    assert (bench.runtime.lists, len(bench.listings), bench.health) == (1, 1, [None])


async def test_who_comes_during_a_list_gets_the_next(bench: Bench) -> None:
    """The list under way may have been made before their container was."""
    bench.runtime.hold.clear()
    first = bench.ask()
    await turns()
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    late = [bench.ask() for _ in range(10)]
    await turns()
    bench.runtime.hold.set()
    assert await first is True
    assert bench.listings[-1].names(MAIN_ID) is None
    await bench.time.advance(INTERVAL_SECONDS)
    assert await asyncio.gather(*late) == [True] * 10
    assert bench.listings[-1].names(MAIN_ID) is not None
    assert bench.runtime.lists == 2


async def test_lists_are_spaced(bench: Bench) -> None:
    """However many containers come, a list a second."""
    await bench.ask()
    second = bench.ask()
    await bench.time.advance(INTERVAL_SECONDS * 0.9)
    assert not second.done()
    await bench.time.advance(INTERVAL_SECONDS * 0.1)
    assert await second is True
    assert bench.runtime.lists == 2


async def test_silence_costs_one_timeout_for_all(bench: Bench) -> None:
    """All who wait hear it together; who comes later is told at once, until the pause ends."""
    bench.runtime.hold.clear()
    bench.runtime.error = silent()
    waiting = [bench.ask() for _ in range(100)]
    await turns()
    late = [bench.ask() for _ in range(100)]
    await turns()
    bench.runtime.hold.set()
    assert await asyncio.gather(*waiting, *late) == [False] * 200
    assert await bench.ask() is False
    assert bench.lister.pausing()
    assert bench.runtime.lists == 1
    assert bench.health == [silent().absent]
    assert bench.listings == []


async def test_asked_again_after_the_pause(bench: Bench) -> None:
    """A runtime that is back is used again."""
    bench.runtime.error = silent()
    assert await bench.ask() is False
    bench.runtime.error = None
    await bench.time.advance(PAUSE_SECONDS)
    assert await bench.ask() is True
    assert bench.health == [silent().absent, None]


async def test_cancelled_asker_takes_nobody_along(bench: Bench) -> None:
    """The next in line asks in its place."""
    bench.runtime.hold.clear()
    first = bench.ask()
    second = bench.ask()
    await turns()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bench.runtime.hold.set()
    await bench.time.advance(INTERVAL_SECONDS)
    assert await second is True
    assert bench.runtime.lists == 2


async def test_names_of_a_listing(bench: Bench) -> None:
    """Sandboxes and containers by id; the sandbox's names fill in for missing labels."""
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    bench.runtime.add("c" * 64, "d" * 64, pod_uid=UID, labels=False)
    await bench.ask()
    (listing,) = bench.listings
    sandbox = Names(namespace="production", pod="api-1", pod_uid=UID, kind=ContainerKind.SANDBOX)
    container = Names(
        namespace="production",
        pod="api-1",
        pod_uid=UID,
        container="gateway",
        kind=ContainerKind.CONTAINER,
    )
    assert listing.names(POD_ID) == sandbox
    assert listing.names(MAIN_ID) == listing.names("d" * 64) == container
    assert listing.names("e" * 64) is None


@pytest.mark.parametrize(
    ("state", "reason", "exit_code", "expected"),
    [
        ("RUNNING", "", None, "Running"),
        ("RUNNING", "OOMKilled", None, "Running, OOMKilled"),
        ("EXITED", "OOMKilled", 137, "OOMKilled, exit code 137"),
        ("EXITED", "Error", 137, "Error, exit code 137"),
        ("EXITED", "Completed", 0, "Completed, exit code 0"),
        ("EXITED", "", 0, "Exited, exit code 0"),
        ("CREATED", "", None, "Created"),
        ("UNKNOWN", "Unknown", None, "Unknown"),
        ("state 9", "", None, "State 9"),
        ("EXITED", "a\nb" * 200, 1, ("a\\x0ab" * 50)[:250] + "..., exit code 1"),
    ],
)
def test_word(state: str, reason: str, exit_code: int | None, expected: str) -> None:
    """One phrase for each state, in the runtime's own words."""
    status = CriContainerStatus(
        state=state, reason=reason, exit_code=exit_code, started_at_ns=None, finished_at_ns=None
    )
    assert word(status) == expected


async def test_status_of_one_container(bench: Bench) -> None:
    """Asked by id; nothing for the unknown."""
    status = CriContainerStatus(
        state="EXITED", reason="Error", exit_code=137, started_at_ns=1, finished_at_ns=2
    )
    bench.runtime.statuses[MAIN_ID] = status
    assert await bench.lister.status(MAIN_ID) == status
    assert await bench.lister.status(POD_ID) is None
    assert bench.health == [None, None]


async def test_status_of_a_silent_runtime(bench: Bench) -> None:
    """Nothing, said once, and then without asking; lists are spared as well."""
    bench.runtime.error = silent()
    assert [await bench.lister.status(MAIN_ID) for _ in range(5)] == [None] * 5
    assert await bench.ask() is False
    assert (bench.runtime.words, bench.runtime.lists) == (1, 0)
    assert bench.health == [silent().absent]


async def test_stalled_socket(tmp_path: Path) -> None:
    """With the real client on a socket that accepts and never answers."""
    health: list[Absent | None] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "cri.sock"))
        listener.listen(64)
        client = CriClient(tmp_path / "cri.sock", 0.05)
        lister = Lister(client, on_listing=lambda _: None, on_health=health.append)
        assert await asyncio.gather(*(lister.refresh() for _ in range(250))) == [False] * 250
        assert await lister.status(MAIN_ID) is None
        await client.close()
    (absent,) = health
    assert absent is not None
    assert "accepts connections and does not answer within 0.05 s" in absent.detail
