"""agent.parse.kmsg"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.kmsg import KmsgRecord
from agent.parse.kmsg import parse_kmsg, sequence_of
from tests.parse.captured_text import CAPTURED, captured_lines


@pytest.mark.parametrize(
    ("data", "record"),
    [
        (
            b"6,443,54187127,-;memory: usage 32768kB, limit 32768kB, failcnt 70\n",
            KmsgRecord(
                level=6,
                facility=0,
                sequence=443,
                timestamp_us=54187127,
                flags="-",
                text="memory: usage 32768kB, limit 32768kB, failcnt 70",
            ),
        ),
        (
            b"14,6735,8811148,-;noise from userspace\n",
            KmsgRecord(
                level=6,
                facility=1,
                sequence=6735,
                timestamp_us=8811148,
                flags="-",
                text="noise from userspace",
            ),
        ),
        (
            b"4,1,2,c,caller=T123,later=x;a;b\n SUBSYSTEM=net\n DEVICE=n2\n",
            KmsgRecord(
                level=4,
                facility=0,
                sequence=1,
                timestamp_us=2,
                flags="c",
                text="a;b",
                subsystem="net",
                device="n2",
            ),
        ),
        (
            b"14,7,2,-;a\\x0a SUBSYSTEM=scsi\n",
            KmsgRecord(
                level=6,
                facility=1,
                sequence=7,
                timestamp_us=2,
                flags="-",
                text="a\n SUBSYSTEM=scsi",
            ),
        ),
        (
            rb"191,0,0,+;caf\xc3\xa9 a\x0ab \x5cx41 \x2e \xzz \x4",
            KmsgRecord(
                level=7,
                facility=23,
                sequence=0,
                timestamp_us=0,
                flags="+",
                text="caf\xc3\xa9 a\nb \\x41 . \\xzz \\x4",
            ),
        ),
        (
            b"6,1,1,-;\n",
            KmsgRecord(level=6, facility=0, sequence=1, timestamp_us=1, flags="-", text=""),
        ),
    ],
)
def test_record(data: bytes, record: KmsgRecord) -> None:
    """The prefix is split, escapes are undone once, properties found, additions skipped."""
    assert parse_kmsg(data) == record
    assert sequence_of(data) == record.sequence


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURED.glob("kmsg_*")))
def test_captured(name: str) -> None:
    """Every record of a real kernel is read; sequences rise."""
    records = [parse_kmsg(line) for line in captured_lines(name)]
    sequences = [record.sequence for record in records]
    assert sequences == [sequence_of(line) for line in captured_lines(name)]
    assert sequences == sorted(set(sequences))
    assert {record.facility for record in records} == {0}


@pytest.mark.parametrize(
    "data", [b"", b"text", b"6,443,1,-", b"6,443,1;text", b"x,1,1,-;t", b"6,-1,1,-;t", b",,,;"]
)
def test_refused(data: bytes) -> None:
    """What has no prefix of four fields is no record."""
    with pytest.raises(ParseError):
        parse_kmsg(data)


@pytest.mark.parametrize("data", [b"", b"text", b"6,x,1,-;t", b"6,-1,1,-;t", b"6;7,8,9", b",,,;"])
def test_no_sequence(data: bytes) -> None:
    """It is not made up."""
    assert sequence_of(data) is None
