"""What the API is asked and what it answers, as messages.

No answer is larger than what a gRPC client takes by default (4 MiB): a list is cut and says that it
is, events are spread over more messages.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from agent.api.v1 import event_pb2, node_agent_pb2
from agent.api.wire import from_timestamp
from agent.state.position import Position
from agent.state.subscription import BATCH_EVENTS, Delivery

M = TypeVar("M", bound=Message)

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000
MESSAGE_BYTES = 3 << 20
_FIELD_BYTES = 5  # tag and length of one element of a repeated field
_AT_A_TIME = 100  # elements are encoded before the event loop may run again

_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


class InvalidRequestError(Exception):
    """The request is not valid; the message says what to do."""


class Subject(Struct, frozen=True, kw_only=True):
    """Which namespace and pod a caller asks for; empty: any."""

    namespace: str
    pod: str  # name or UID

    def __bool__(self) -> bool:
        return bool(self.namespace or self.pod)

    def covers(self, event: event_pb2.Event) -> bool:
        """Whether it is asked for. An event about no pod is, only if nothing special is."""
        if not self:
            return True
        match event.WhichOneof("kind"):
            case "oom_recorded":
                container = event.oom_recorded.container
            case "oom_amended":
                container = event.oom_amended.container
            case "runtime_disagreement":
                container = event.runtime_disagreement.container
            case "exit_recorded":
                container = event.exit_recorded.container
            case "exit_amended":
                container = event.exit_amended.container
            case "condition_changed":
                container = event.condition_changed.condition.entity.names
            case _:
                return False
        return (not self.namespace or self.namespace == container.namespace) and (
            not self.pod or self.pod in (container.pod, container.pod_uid)
        )


def list_limit(
    request: node_agent_pb2.ListOOMIncidentsRequest | node_agent_pb2.ListExitsRequest,
) -> int:
    """How many are asked for; raises InvalidRequestError."""
    if request.limit > MAX_LIMIT:
        raise InvalidRequestError(
            f"limit is {request.limit}: ask for at most {MAX_LIMIT}, and narrow the list with "
            "since, namespace or pod"
        )
    return request.limit or DEFAULT_LIMIT


def since_ns(
    request: node_agent_pb2.ListOOMIncidentsRequest | node_agent_pb2.ListExitsRequest,
) -> int:
    """`since` in nanoseconds since 1970, 0 if it is not given; raises InvalidRequestError."""
    stamp: Timestamp = request.since
    if not _FIRST_SECOND <= stamp.seconds <= _LAST_SECOND or not 0 <= stamp.nanos < 10**9:
        raise InvalidRequestError(
            f"since is {stamp.seconds} s and {stamp.nanos} ns: give a time of the years 1 to 9999, "
            "with nanos from 0 to 999999999"
        )
    return from_timestamp(stamp)


async def that_fit(encoded: Iterable[M], *, beside: int = 0) -> tuple[list[M], bool]:
    """As many as fit into one message with `beside` bytes of others, and whether some did not.

    They are encoded as they are drawn. Ten thousand incidents take a tenth of a second, in which
    kills must still be seen: the event loop runs in between.
    """
    fitting: list[M] = []
    size = beside
    for message in encoded:
        size += message.ByteSize() + _FIELD_BYTES
        if size > MESSAGE_BYTES and fitting:
            return fitting, True
        fitting.append(message)
        if len(fitting) % _AT_A_TIME == 0:
            await sleep(0)
    return fitting, False


def token(position: Position) -> event_pb2.ResumeToken:
    """`position` as a client gets it, and gives it back."""
    return event_pb2.ResumeToken(stream_id=position.stream_id, sequence=position.sequence)


def watch_messages(
    delivery: Delivery, subject: Subject
) -> Iterator[node_agent_pb2.WatchEventsResponse]:
    """What a subscriber is sent for one delivery: one message, or more if it is large.

    The position counts in events that were filtered out, so that a resume does not repeat them.
    """
    gap = None if delivery.gap is None else delivery.gap.to_wire()
    message = node_agent_pb2.WatchEventsResponse(gap=gap)
    size = 0
    for event in filter(subject.covers, delivery.events):
        size += event.ByteSize() + _FIELD_BYTES
        if message.events and (size > MESSAGE_BYTES or len(message.events) == BATCH_EVENTS):
            last = message.events[-1]
            message.position.CopyFrom(token(Position(last.stream_id, last.sequence)))
            yield message
            message = node_agent_pb2.WatchEventsResponse()
            size = event.ByteSize()
        message.events.append(event)
    message.position.CopyFrom(token(delivery.position))
    yield message
