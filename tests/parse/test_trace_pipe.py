"""agent.parse.trace_pipe"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.kmsg import TraceVictim
from agent.parse.names import printable
from agent.parse.trace_pipe import parse_lost, parse_mark_victim
from tests.parse.captured_text import captured_lines

SIZES = (
    b"total-vm=7140kB anon-rss=6016kB file-rss:4kB shmem-rss:628kB uid=0 pgtables=48kB"
    b" oom_score_adj=-998"
)


def _line(task: bytes = b"work", comm: bytes = b"work", *, sizes: bytes = SIZES) -> bytes:
    """As `trace_print_context` (kernel/trace/trace_output.c) writes it."""
    column = task.rjust(16)
    return column + b"-193     [001] ...1.     7.311843: mark_victim: pid=829 comm=%b %b" % (
        comm,
        sizes,
    )


def _victim(comm: str) -> TraceVictim:
    return TraceVictim(
        timestamp_us=7_311_843,
        pid=829,
        comm=comm,
        uid=0,
        oom_score_adj=-998,
        total_vm_bytes=7140 * 1024,
        anon_rss_bytes=6016 * 1024,
        file_rss_bytes=4 * 1024,
        shmem_rss_bytes=628 * 1024,
        page_tables_bytes=48 * 1024,
    )


def test_captured() -> None:
    """Two victims; the removal of a cgroup between them is another event."""
    first, other, second = (parse_mark_victim(line) for line in captured_lines("trace_pipe.txt"))
    assert first is not None
    assert second is not None
    assert (first.pid, first.timestamp_us, first.total_vm_bytes) == (193, 7_311_843, 7140 * 1024)
    assert (second.pid, second.comm, second.oom_score_adj) == (195, "work", 0)
    assert other is None


@pytest.mark.parametrize(
    "line",
    [
        b"            work-829     [000] ...1.     7.311843: mark_victim: pid=829\n",
        b"            work-829   [000] d..1     7.311843: mark_victim: pid=829",  # before 5.16
        b"           <...>-829     [000]     7.311843: mark_victim: pid=829",  # no irq-info
        b"            work-829     (    812) [000] .N.1.     7.311843: mark_victim: pid=829",
        b"            work-829     (-------) [000] .N.1.     7.311843: mark_victim: pid=829",
        b"            work-829     [127] dNh41.     7.311843: mark_victim: pid=829 later=1",
        b"work-829 [000] ...1. 7.311843: mark_victim: pid=829",
    ],
)
def test_columns(line: bytes) -> None:
    """Older kernels print only the pid; options change the columns."""
    assert parse_mark_victim(line) == TraceVictim(timestamp_us=7_311_843, pid=829)


FORGED_TASKS = [
    b"mark_victim: pi",
    b": mark_victim: ",
    b"-1 [000] ...1. ",
    b"-1 [000] 1.0: x",
    b"-1 [000] 1: x: ",
    b"x-1 [000] d..1.",
    b"x-1 [000]",
    b"a-1 (1) [000] ",
    b"1.000000: x: ",
    b"- - - -1 -1 -1 ",
    b"",
    b"a b c",
    b"\xff\x00\x01",
]
FORGED_COMMS = [
    b" total-vm=1kB",
    b"x total-vm=1kB ",
    b"a pid=1 comm=b",
    b"mark_victim: pi",
    b": mark_victim: ",
    b"",
    b"oom_score_adj=1",
    b"\x1b[2J",
]


@pytest.mark.parametrize("task", FORGED_TASKS)
def test_forged_task(task: bytes) -> None:
    """The columns are the kernel's, whatever the task that ran is called."""
    assert parse_mark_victim(_line(task=task)) == _victim("work")


@pytest.mark.parametrize("comm", FORGED_COMMS)
def test_forged_comm(comm: bytes) -> None:
    """The sizes are the kernel's, whatever the victim is called."""
    assert parse_mark_victim(_line(comm=comm)) == _victim(printable(comm))


_NAMES = st.one_of(
    st.binary(max_size=15),
    st.lists(
        st.sampled_from(
            b"-1 |[000] |...1. |1.000000: |1: |: mark_victim:|pid=1 |comm=| total-vm=1kB|"
            b" anon-rss=1kB| uid=0|\n| |(1) ".split(b"|")
        ),
        max_size=5,
    ).map(lambda words: b"".join(words)[:15]),
)


@given(task=_NAMES, comm=_NAMES)
def test_any_names(task: bytes, comm: bytes) -> None:
    """No two names of 15 bytes hide the victim, or change it."""
    if b"\n" not in task + comm:
        assert parse_mark_victim(_line(task=task, comm=comm)) == _victim(printable(comm))


@given(task=_NAMES, comm=_NAMES)
def test_any_names_cut_at_newlines(task: bytes, comm: bytes) -> None:
    """A reader of lines finds one victim with the right pid, newlines in the names or not."""
    lines = _line(task=task, comm=comm).split(b"\n")
    victims = [victim for line in lines if (victim := parse_mark_victim(line)) is not None]
    assert [(victim.pid, victim.timestamp_us) for victim in victims] == [(829, 7_311_843)]


def test_cut_by_a_newline_in_the_comm() -> None:
    """The pid is known and the rest is not; what follows the newline is nothing."""
    first, second = _line(comm=b"evil\nname").split(b"\n")
    assert parse_mark_victim(first) == TraceVictim(timestamp_us=7_311_843, pid=829, comm="evil")
    assert parse_mark_victim(second) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"CPU:0 [LOST 123 EVENTS]\n",
        b"# tracer: nop",
        b"mark_victim: pid=1",
        b": mark_victim: " + SIZES,  # after the newline of a comm
        (
            b"   a-1     [001] d..1.     7.322019: cgroup_rmdir: path=/x-1 [001] ...1. 7.311843:"
            b" mark_victim: pid=1"
        ),
        b"   a-1     [001] d..1.     7.322019: mark_victims: pid=1",
    ],
)
def test_other_lines(line: bytes) -> None:
    """Other events are not victims, also if their paths imitate one."""
    assert parse_mark_victim(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"   work-829     [000] ...1. 1234567: mark_victim: pid=829",  # trace_clock "counter"
        b"   work-829     [000] ...1.     7.311843: mark_victim: pid=",
        b"   work-829     [000] ...1.     7.311843: mark_victim: pid=x",
        b"   work-829     [000] ...1.     7.311843: mark_victim: tid=1",
        b"   work-829     [000] ...1.     7.311843: mark_victim: ",
    ],
)
def test_refused(line: bytes) -> None:
    """A victim that cannot be read is said so, not passed over."""
    with pytest.raises(ParseError):
        parse_mark_victim(line)


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (b"CPU:0 [LOST 123 EVENTS]\n", 123),
        (b"CPU:127 [LOST 1 EVENTS]", 1),
        (b"CPU:3 [LOST EVENTS]\n", 1),
        (b"CPU:3 [LOST x EVENTS]\n", None),
        (b" CPU:3 [LOST 5 EVENTS]\n", None),
        (_line(task=b"CPU:0 [LOST 1 E"), None),
        (b"", None),
    ],
)
def test_lost(line: bytes, lost: int | None) -> None:
    """A gap is counted; one of unknown length counts as one event at least."""
    assert parse_lost(line) == lost
