"""/dev/kmsg: the kernel's own, and what its errors mean."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.kmsg import KmsgOverrun, KmsgReader
from agent.model.absence import Absence
from agent.parse.kmsg import parse_kmsg
from tests.host.this_host import missing, readable, unique, until


@pytest.fixture
def reader() -> Iterator[KmsgReader]:
    try:
        opened = KmsgReader()
    except SourceAbsent as error:
        missing(str(error))
    with opened:
        yield opened


def test_ring_is_read_from_its_start(reader: KmsgReader) -> None:
    """What was printed before we came is there, in order; then nothing is waiting."""
    sequences = []
    while batch := reader.read_batch(100):
        assert len(batch) <= 100
        sequences += [parse_kmsg(record).sequence for record in batch if type(record) is bytes]
    assert sequences == sorted(set(sequences))
    assert len(sequences) > 0
    assert reader.read() is None


def test_two_readers_take_nothing_from_each_other(reader: KmsgReader) -> None:
    """Each has its own position."""
    first = reader.read()
    with KmsgReader() as other:
        assert other.read() == first


def test_new_record_wakes_us(reader: KmsgReader) -> None:
    """epoll wakes as soon as a record is written."""
    text = unique("kmsg").encode()
    while reader.read_batch():
        pass
    try:
        Path("/dev/kmsg").write_bytes(
            b"<7>" + text + b"\n"
        )  # without a newline a record stays open
    except OSError as error:
        missing(f"/dev/kmsg cannot be written: {error}")
    found: list[bytes] = []

    def look() -> bool:
        found.extend(r for r in reader.read_batch() if type(r) is bytes and text in r)
        return bool(found)

    assert readable(reader)
    until(look, reader)
    assert parse_kmsg(found[0]).facility != 0  # user space cannot be the kernel


@pytest.mark.parametrize(
    ("number", "overrun"),
    [(errno.EPIPE, KmsgOverrun.OVERTAKEN), (errno.EINVAL, KmsgOverrun.TOO_LONG)],
)
def test_loss_is_a_value(
    reader: KmsgReader, monkeypatch: pytest.MonkeyPatch, number: int, overrun: KmsgOverrun
) -> None:
    """A loss comes in its place among the records, and reading goes on."""
    real_read, calls = os.read, iter([0, number])

    def read(fd: int, size: int) -> bytes:
        if fail := next(calls, 0):
            raise OSError(fail, os.strerror(fail))
        return real_read(fd, size)

    monkeypatch.setattr(os, "read", read)
    first, second, third = reader.read_batch(3)
    assert type(first) is bytes
    assert second is overrun
    assert type(third) is bytes


def test_other_errors_are_absences(reader: KmsgReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else is no loss of records but of the source."""

    def read(fd: int, size: int) -> bytes:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "read", read)
    with pytest.raises(SourceAbsent) as raised:
        reader.read()
    assert raised.value.absent.absence is Absence.FAILED


def test_missing_device(tmp_path: Path) -> None:
    """A container without the device says which one is missing."""
    with pytest.raises(SourceAbsent, match=str(tmp_path / "kmsg")) as raised:
        KmsgReader(tmp_path / "kmsg")
    assert raised.value.absent.absence is Absence.VANISHED
