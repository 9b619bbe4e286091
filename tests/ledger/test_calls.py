"""Lines of kmsg in every order that the kernel, and what it drops, can make."""

from __future__ import annotations

import pytest

from agent.ledger.calls import CallAssembler
from agent.model.evidence import KmsgSeen
from agent.model.kmsg import OOMLine
from agent.parse.kmsg import parse_kmsg
from agent.parse.oom import parse_oom_line
from tests.ledger.kernel import CONTAINER, OTHER, captured
from tests.parse.captured_text import captured_lines

MS = 1_000_000
INVOKED = "work invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=900"
USAGE = "memory: usage 32768kB, limit 32768kB, failcnt 37"
GROUP = f"Tasks in {CONTAINER} are going to be killed due to memory.oom.group set"
GROUP_OTHER = f"Tasks in {OTHER} are going to be killed due to memory.oom.group set"


def summary(pid: int, cgroup: str = CONTAINER) -> str:
    return (
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,"
        f"oom_memcg={cgroup},task_memcg={cgroup},task=work,pid={pid},uid=0"
    )


def killed(pid: int) -> str:
    return (
        f"Memory cgroup out of memory: Killed process {pid} (work) total-vm:4kB, anon-rss:4kB,"
        " file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:900"
    )


def parsed(text: str) -> OOMLine:
    line = parse_oom_line(text)
    assert line is not None
    return line


Said = str | tuple[str, int] | tuple[str, int, str]
"""A line; the ms since the one before (1); the cgroup that /proc told of its victim."""


def calls(said: list[Said]) -> list[list[str]]:
    """The calls in the end, each with its victims; "r" marks a repeat."""
    assembler, now_ns = CallAssembler(), 0
    found: dict[int, list[str]] = {}
    for sequence, item in enumerate(said):
        text, gap, cgroup = (item, 1, "") if isinstance(item, str) else (*item, "")[:3]
        now_ns += gap * MS
        line = parsed(text)
        capture = captured(1, cgroup) if cgroup else None
        placed = assembler.feed(
            KmsgSeen(sequence=sequence, boottime_ns=now_ns, line=line, capture=capture)
        )
        if placed is not None:
            call, kill = placed
            for pids in found.values():
                if call.sequence == kill.sequence and f"{kill.line.pid}" in pids[1:]:
                    pids.remove(f"{kill.line.pid}")
            found[call.sequence] = [f"{k.line.pid}{'r' if k.repeat_of else ''}" for k in call.kills]
    return list(found.values())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([INVOKED, USAGE, summary(1), killed(1)], [["1"]], id="whole"),
        pytest.param([killed(1), killed(2)], [["1"], ["2"]], id="no headers"),
        pytest.param([summary(1), killed(1), summary(2), killed(2)], [["1"], ["2"]], id="tails"),
        pytest.param(
            [summary(1), killed(1), GROUP, killed(2), killed(1)], [["1", "2", "1r"]], id="6.1"
        ),
        pytest.param(
            [killed(1), GROUP, killed(2), killed(1), killed(3), GROUP_OTHER, killed(4)],
            [["1", "2", "1r"], ["3", "4"]],
            id="two groups without headers",
        ),
        pytest.param(
            [killed(1), GROUP, killed(2), INVOKED, summary(3), killed(3)],
            [["1", "2"], ["3"]],
            id="a header ends the group",
        ),
        pytest.param(
            [killed(1), GROUP, (killed(2), 1001)], [["1"], ["2"]], id="silence ends the group"
        ),
        pytest.param(
            [killed(1), GROUP, (killed(2), 101)], [["1"], ["2"]], id="unseen and not so near"
        ),
        pytest.param(
            [killed(1), GROUP, (killed(2), 900, CONTAINER)], [["1", "2"]], id="seen in the group"
        ),
        pytest.param(
            [killed(1), GROUP, (killed(2), 1, f"{CONTAINER}/inner")], [["1", "2"]], id="below it"
        ),
        pytest.param(
            [killed(1), GROUP, (killed(2), 1, OTHER)], [["1"], ["2"]], id="seen outside of it"
        ),
        pytest.param(
            [killed(1), GROUP, (killed(2), 1, f"{CONTAINER}x")], [["1"], ["2"]], id="a namesake"
        ),
        pytest.param([GROUP, killed(1)], [["1"]], id="the group's first line was lost"),
        pytest.param([killed(1), killed(1)], [["1", "1r"]], id="repeated without its group line"),
        pytest.param(
            [killed(1), GROUP, (killed(2), 900, CONTAINER), (killed(1), 2900)],
            [["1", "2", "1r"]],
            id="repeated late, for the node thrashes",
        ),
        pytest.param(
            [killed(1), GROUP, (killed(1), 3100)], [["1"], ["1"]], id="a pid that is used again"
        ),
        pytest.param([killed(1), (killed(1), 1001)], [["1"], ["1"]], id="the pid came again"),
    ],
)
def test_where_a_line_belongs(said: list[Said], expected: list[list[str]]) -> None:
    """Which kills are one call, whatever part of the header the rate limit has dropped."""
    assert calls(said) == expected


@pytest.mark.parametrize(
    ("before", "comm", "limit", "readings"),
    [
        ([INVOKED, USAGE, summary(1)], "work", 32 << 20, 1),
        ([INVOKED, summary(1)], "work", None, 1),
        ([USAGE, summary(1)], "", None, 1),
        ([INVOKED, USAGE], "work", 32 << 20, 0),
        ([INVOKED, USAGE, summary(9)], "", None, 0),
        ([INVOKED, USAGE, summary(9), INVOKED, summary(1)], "work", None, 1),
        ([], "", None, 0),
    ],
)
def test_header(before: list[str], comm: str, limit: int | None, readings: int) -> None:
    """A header is the kill's only if its victim is; nothing of another call's is taken over."""
    assembler = CallAssembler()
    for sequence, text in enumerate(before):
        seen = KmsgSeen(sequence=sequence, boottime_ns=sequence, line=parsed(text))
        assert assembler.feed(seen) is None
    placed = assembler.feed(KmsgSeen(sequence=99, boottime_ns=99, line=parsed(killed(1))))
    assert placed is not None
    header = placed[0].header
    assert (header.trigger_comm, header.limit_bytes, len(header.readings)) == (
        comm,
        limit,
        readings,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kmsg_group.txt", [(["1373", "1356", "1373"], True)]),
        ("kmsg_container.txt", [(["829"], False)]),
    ],
)
def test_captured(name: str, expected: list[tuple[list[str], bool]]) -> None:
    """What a real kernel said, all other lines in between."""
    assembler = CallAssembler()
    found = {}
    for data in captured_lines(name):
        record = parse_kmsg(data)
        line = parse_oom_line(record.text)
        if line is not None:
            placed = assembler.feed(
                KmsgSeen(
                    sequence=record.sequence, boottime_ns=record.timestamp_us * 1000, line=line
                )
            )
            if placed is not None:
                found[placed[0].sequence] = placed[0]
    assert [
        ([str(kill.line.pid) for kill in call.kills], bool(call.group_cgroup))
        for call in found.values()
    ] == expected
