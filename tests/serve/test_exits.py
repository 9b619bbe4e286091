"""ListExits and the series of deaths."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.api.v1 import node_agent_pb2 as pb
from agent.api.v1.exits_pb2 import VERDICT_CRASHED
from agent.model.exits import ContainerDeath, Verdict
from agent.model.oom import Container
from agent.serve import exits, messages
from agent.serve.exposition import gathered
from agent.serve.messages import InvalidRequestError
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from agent.state.deaths import DeathIndex
from tests.serve.sample import SampleView


def death(number: int, verdict: Verdict) -> ContainerDeath:
    return ContainerDeath(
        id=f"b/{number}",
        boot_id="b",
        revision=1,
        container=Container(namespace="shop", pod="web-0", name="app", id=f"c{number}"),
        boottime_ns=number,
        wall_ns=number * 10**9,
        verdict=verdict,
    )


INDEX = DeathIndex([death(1, Verdict.EXITED), death(2, Verdict.CRASHED)])


async def test_list() -> None:
    """Newest first, with what is held; filters narrow."""
    answer = await exits.answer(pb.ListExitsRequest(), INDEX)
    assert [each.id for each in answer.exits] == ["b/2", "b/1"]
    assert (answer.oldest_held.seconds, answer.truncated) == (1, False)
    answer = await exits.answer(pb.ListExitsRequest(limit=1), INDEX)
    assert answer.truncated
    answer = await exits.answer(pb.ListExitsRequest(verdicts=[VERDICT_CRASHED]), INDEX)
    assert [each.id for each in answer.exits] == ["b/2"]
    answer = await exits.answer(pb.ListExitsRequest(container="c1"), INDEX)
    assert [each.id for each in answer.exits] == ["b/1"]


@pytest.mark.parametrize(
    "request_",
    [
        pb.ListExitsRequest(limit=10_001),
        pb.ListExitsRequest(verdicts=[99]),  # type: ignore[list-item]
    ],
)
async def test_bad_requests(request_: pb.ListExitsRequest) -> None:
    """What cannot be answered is refused."""
    with pytest.raises(InvalidRequestError):
        await exits.answer(request_, INDEX)


async def test_too_much_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is cut, and says so."""
    monkeypatch.setattr(messages, "MESSAGE_BYTES", 1)
    answer = await exits.answer(pb.ListExitsRequest(), INDEX)
    assert (len(answer.exits), answer.truncated) == (1, True)


@pytest.mark.parametrize("form", Format)
def test_series(form: Format) -> None:
    """A line for each verdict that a container had; hostile names neither break nor repeat one."""
    view = SampleView()
    view.ended = {
        ("shop", "web-0", "app"): {Verdict.EXITED: 1, Verdict.CRASHED: 0},
        ("shop", "w\n", 'a"'): {Verdict.EXITED: 1},
        ("shop", "w\\x0a", 'a"'): {Verdict.EXITED: 1},
    }
    pages = Pages(view, HttpStatistics())
    b"".join(pages.pieces(form))
    view.ended[("shop", "web-0", "app")] = {Verdict.EXITED: 2, Verdict.CRASHED: 0}
    text = b"".join(pages.pieces(form)).decode()
    head = "nodewitness_container_exits"
    kind = f"# TYPE {head}{'_total' if form is Format.TEXT else ''} counter\n"
    assert text.count(kind) == 1
    found = {
        (sample.labels["pod"], sample.labels["verdict"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{head}_total"
    }
    assert found == {
        ("web-0", "exited"): 2,
        ("web-0", "crashed"): 0,
        ("w\\x0a", "exited"): 2,
    }


async def test_a_scrape_of_very_many_deaths_goes_in_steps() -> None:
    """Each container is written when it is asked for; what changes meanwhile breaks nothing, and
    the event loop runs in between.
    """
    view = SampleView()
    view.ended = {("shop", f"web-{n}", "app"): dict.fromkeys(Verdict, n) for n in range(2_000)}
    pieces = Pages(view, HttpStatistics()).pieces(Format.TEXT)
    sizes: list[int] = []
    rounds = 0

    async def others() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1
            view.ended["shop", f"new-{rounds}", "app"] = {Verdict.EXITED: rounds}

    watching = asyncio.create_task(others())
    text = b"".join(await gathered(tapped(pieces, sizes)))
    watching.cancel()
    assert text.count(b"container_exits_total{") == 2_000 * len(Verdict)
    assert max(sizes[1:]) < 16 << 10  # the first is prometheus_client's
    assert rounds > len(text) >> 17


def tapped(pieces: Iterator[bytes], sizes: list[int]) -> Iterator[bytes]:
    """The same, and how large each is."""
    for piece in pieces:
        sizes.append(len(piece))
        yield piece


def test_no_death_no_family() -> None:
    """What has no sample is left out."""
    text = b"".join(Pages(SampleView(), HttpStatistics()).pieces(Format.TEXT)).decode()
    assert "container_exits" not in text
