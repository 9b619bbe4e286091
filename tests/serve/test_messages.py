"""What is refused, what fits into a message, and what a filter lets through."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from agent.api.codec import event_to_wire
from agent.api.oom import incident_to_wire
from agent.api.v1 import event_pb2, node_agent_pb2, oom_pb2
from agent.model.event import (
    AgentStarted,
    Event,
    EventKind,
    OOMAmended,
    OOMRecorded,
    RuntimeDisagreement,
)
from agent.model.oom import Disagreement, OOMIncident
from agent.serve.messages import (
    MESSAGE_BYTES,
    InvalidRequestError,
    Subject,
    list_limit,
    since_ns,
    that_fit,
    watch_messages,
)
from agent.state.position import Gap, GapReason, Position
from agent.state.subscription import Delivery
from tests.serve.sample import incident
from tests.serve.turns import turns_during

STARTED = AgentStarted(version="0.1.0", pid=1)
SHOP = OOMRecorded(incident=incident(1, namespace="shop", pod="web-0"))
BANK = OOMAmended(incident=incident(2, namespace="bank", pod="web-0"))
assert BANK.incident.container is not None
SAID = RuntimeDisagreement(
    container=BANK.incident.container,
    kind=Disagreement.KERNEL_COUNTED_NONE,
    runtime_says="OOMKilled, exit code 0",
    kernel_says="counted no kill",
)
UNIT = OOMRecorded(incident=replace(incident(3), container=None, unit="sshd.service"))

GRPC_DEFAULT = 4 << 20


def of_size(size: int) -> OOMIncident:
    return replace(incident(1), limit_cgroup="x" * size)


def event(number: int, kind: EventKind) -> event_pb2.Event:
    return event_to_wire(
        Event(stream_id="s", sequence=number, boot_id="b", boottime_ns=1, wall_ns=1, kind=kind)
    )


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (Subject(namespace="", pod=""), [1, 2, 3, 4, 5]),
        (Subject(namespace="shop", pod=""), [2]),
        (Subject(namespace="", pod="web-0"), [2, 3, 5]),
        (Subject(namespace="", pod="uid-of-web-0"), [2, 3, 5]),
        (Subject(namespace="bank", pod="web-0"), [3, 5]),
        (Subject(namespace="elsewhere", pod=""), []),
        (Subject(namespace="", pod="web"), []),
    ],
)
def test_subject(subject: Subject, expected: list[int]) -> None:
    """Names match whole; with a filter, events about no pod are left out."""
    kinds: tuple[EventKind, ...] = (STARTED, SHOP, BANK, UNIT, SAID)
    events = tuple(event(number, kind) for number, kind in enumerate(kinds, 1))
    delivery = Delivery(events=events, position=Position("s", 5))
    (message,) = watch_messages(delivery, subject)
    assert [each.sequence for each in message.events] == expected
    assert (message.position.stream_id, message.position.sequence) == ("s", 5)
    assert not message.HasField("gap")


def test_gap() -> None:
    """A gap is a message without events."""
    gap = Gap(reason=GapReason.OVERRUN, first_missing=3, last_missing=7, detail="read faster")
    (message,) = watch_messages(
        Delivery(gap=gap, position=Position("s", 7)), Subject(namespace="x", pod="")
    )
    assert message.gap == event_pb2.StreamGap(
        reason="overrun", first_missing=3, last_missing=7, detail="read faster"
    )
    assert message.position.sequence == 7


def test_large_events_are_spread() -> None:
    """No message is too large for a client, nothing is lost, and each position can be resumed."""
    large = OOMRecorded(incident=of_size(700_000))
    events = tuple(event(n, large) for n in range(1, 30))
    messages = list(
        watch_messages(
            Delivery(events=events, position=Position("s", 29)), Subject(namespace="", pod="")
        )
    )
    assert [len(message.events) for message in messages] == [*[4] * 7, 1]
    assert max(message.ByteSize() for message in messages) < GRPC_DEFAULT
    assert [each.sequence for message in messages for each in message.events] == [*range(1, 30)]
    for message in messages:
        assert message.position.sequence == message.events[-1].sequence


def encoded(incidents: Iterable[OOMIncident]) -> Iterator[oom_pb2.OOMIncident]:
    return map(incident_to_wire, incidents)


async def test_incidents_that_fit() -> None:
    """Small ones all fit; of large ones as many as a client takes, and one in any case."""
    assert await that_fit(encoded([])) == ([], False)
    fitting, cut = await that_fit(encoded(incident(number) for number in range(9_000)))
    assert (len(fitting), cut) == (9_000, False)
    fitting, cut = await that_fit(encoded(itertools.repeat(of_size(700_000))))
    assert (len(fitting), cut) == (4, True)
    assert len((await that_fit(encoded([of_size(MESSAGE_BYTES + 1)])))[0]) == 1


async def test_a_long_list_lets_others_run() -> None:
    """While a long list is encoded, the event loop serves others."""
    assert await turns_during(that_fit(encoded(incident(n) for n in range(1_000)))) == 10


@pytest.mark.parametrize(
    ("asked", "limit"), [(0, 1_000), (1, 1), (10_000, 10_000), (10_001, None), (2**32 - 1, None)]
)
def test_limit(asked: int, limit: int | None) -> None:
    """0 is the default; too many is refused with what to do instead."""
    request = node_agent_pb2.ListOOMIncidentsRequest(limit=asked)
    if limit is None:
        with pytest.raises(InvalidRequestError, match=r"at most 10000, .* since"):
            list_limit(request)
    else:
        assert list_limit(request) == limit


@pytest.mark.parametrize(
    ("seconds", "nanos", "expected"),
    [
        (0, 0, 0),
        (1_790_000_000, 5, 1_790_000_000_000_000_005),
        (-1, 999_999_999, -1),
        (253_402_300_799, 999_999_999, 253_402_300_799_999_999_999),
        (253_402_300_800, 0, None),
        (-62_135_596_801, 0, None),
        (0, -1, None),
        (0, 1_000_000_000, None),
    ],
)
def test_since(seconds: int, nanos: int, expected: int | None) -> None:
    """A timestamp is taken in the range that protobuf defines, and refused beyond."""
    request = node_agent_pb2.ListOOMIncidentsRequest()
    request.since.seconds = seconds
    request.since.nanos = nanos
    if expected is None:
        with pytest.raises(InvalidRequestError, match="give a time of the years 1 to 9999"):
            since_ns(request)
    else:
        assert since_ns(request) == expected
    assert since_ns(node_agent_pb2.ListOOMIncidentsRequest()) == 0
