"""The columns of the trace file, and where one record ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse.trace_event import (
    TraceEvent,
    last_timestamp_us,
    parse_event,
    split_records,
)

# Captured on Linux 6.1 and 6.18.
ATTACH = (
    b"              sh-6687    [001] dN.1.   138.709660: cgroup_attach_task: dst_root=0"
    b" dst_id=29412 dst_level=4 dst_path=/kubepods/burstable/podflight/f99 pid=6687 comm=python3"
)
FORK = (
    b"        lab-init-1       [001] .....   138.938364: sched_process_fork: comm=lab-init pid=1"
    b" child_comm=lab-init child_pid=6748"
)
HEADER = b"# tracer: nop\n#\n# entries-in-buffer/entries-written: 2/2   #P:2\n#\n"
COMM = st.binary(min_size=1, max_size=15).map(lambda name: name.replace(b"\0", b"x"))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ATTACH, TraceEvent(6687, 138_709_660, b"cgroup_attach_task", ATTACH.split(b": ", 2)[2])),
        (FORK, TraceEvent(1, 138_938_364, b"sched_process_fork", FORK.split(b": ", 2)[2])),
        (b"           <...>-17384   [001] 4831.662712: x: y", (17384, 4_831_662_712, b"x", b"y")),
        (b"# tracer: nop", None),
        (b"##### CPU 1 buffer started ####", None),
        (b"CPU:0 [LOST 123 EVENTS]", None),
        (b"", None),
    ],
)
def test_columns(record: bytes, expected: TraceEvent | None) -> None:
    """The pid, the time and the event are found; comments are none."""
    assert parse_event(record) == expected


def test_records_of_a_piece() -> None:
    """The last record waits for what may follow; pieces cut lines anywhere."""
    text = HEADER + ATTACH + b"\n" + FORK + b"\n" + ATTACH + b"\n"
    for cut in range(len(text)):
        first, rest = split_records(text[:cut])
        second, left = split_records(rest + text[cut:])
        events = [r for r in (*first, *second, left.removesuffix(b"\n")) if parse_event(r)]
        assert events == [ATTACH, FORK, ATTACH], cut


@given(names=st.lists(COMM, min_size=1, max_size=4))
def test_no_comm_makes_or_hides_a_record(names: list[bytes]) -> None:
    """A comm of any bytes, in the columns and behind, leaves one record an event."""
    text = b"".join(
        b" %16s-%d    [000] d..1.  7.%06d: mark_victim: pid=1 comm=%s uid=0\n" % (name, i, i, name)
        for i, name in enumerate(names, 1)
    )
    records, rest = split_records(text)
    found = [parse_event(record) for record in (*records, rest)]
    assert [(e.pid, e.timestamp_us) for e in found if e] == [
        (i, 7_000_000 + i) for i in range(1, len(names) + 1)
    ]


def test_last_timestamp() -> None:
    """The newest whole line that has a time; a cut one does not count."""
    assert last_timestamp_us(HEADER) is None
    assert last_timestamp_us(ATTACH) is None
    assert last_timestamp_us(ATTACH + b"\nthe rest of a comm\n" + FORK[:70]) == 138_709_660
    assert last_timestamp_us(HEADER + ATTACH + b"\n" + FORK + b"\n") == 138_938_364
