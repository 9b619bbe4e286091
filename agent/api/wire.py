"""What every codec needs: its one error, tables between two enums, and the well-known types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Generic, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

NS = 1_000_000_000

M = TypeVar("M", bound=Enum)
W = TypeVar("W", bound=int)


class CodecError(ValueError):
    """A value has no form on the other side: bytes that are no message, a kind from the future."""


@contextmanager
def coding(what: str) -> Iterator[None]:
    """Turn what protobuf raises on bad bytes and on values out of range into `CodecError`."""
    try:
        yield
    except CodecError:
        raise
    except (DecodeError, ValueError, TypeError) as error:
        raise CodecError(f"{what}: {error}") from error


class EnumTable(Generic[M, W]):
    """A table from model to wire that must be one to one; a test holds it to both enums.

    `foreign` is what a number means that is not in the table, as a newer version may send: the
    member that claims the least. None says that there is no such member.
    """

    def __init__(self, pairs: Mapping[M, W], *, foreign: M | None) -> None:
        self.pairs = dict(pairs)
        self._model: dict[int, M] = {int(wire): model for model, wire in self.pairs.items()}
        self._foreign = foreign

    def to_wire(self, member: M) -> W:
        """The number of `member`."""
        return self.pairs[member]

    def known(self, number: int) -> M | None:
        """The member with this number; None if it is not in the table."""
        return self._model.get(number)

    def to_model(self, number: int) -> M:
        """The member with this number, else `foreign`; `CodecError` where there is none."""
        member = self._model.get(number, self._foreign)
        if member is None:
            raise CodecError(f"number {number} is in no table of this version")
        return member


def text(value: str) -> str:
    r"""`value` as protobuf takes it: bytes that were not UTF-8 ("surrogateescape") become \xNN.

    Names on a node may hold anything, and one of them must not keep an event from being published.
    """
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape" if _only_bytes(value) else "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def _only_bytes(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in value)


def timestamp(ns: int) -> Timestamp:
    """Nanoseconds since 1970 as the well-known type."""
    return Timestamp(seconds=ns // NS, nanos=ns % NS)


def from_timestamp(stamp: Timestamp) -> int:
    """The inverse of `timestamp`."""
    return int(stamp.seconds) * NS + int(stamp.nanos)


def duration(seconds: float) -> Duration:
    """Seconds as the well-known type, to the nanosecond."""
    ns = round(seconds * NS)
    return duration_ns(ns)


def duration_ns(ns: int) -> Duration:
    """Nanoseconds as the well-known type; protobuf wants both parts of one sign."""
    sign = -1 if ns < 0 else 1
    return Duration(seconds=sign * (abs(ns) // NS), nanos=sign * (abs(ns) % NS))


def from_duration(span: Duration) -> float:
    """Seconds."""
    return from_duration_ns(span) / NS


def from_duration_ns(span: Duration) -> int:
    """The inverse of `duration_ns`."""
    return int(span.seconds) * NS + int(span.nanos)
