"""agent.parse.oom"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.kmsg import (
    OOMGroupKill,
    OOMInvoked,
    OOMKilledProcess,
    OOMLine,
    OOMSummary,
    OOMUsage,
)
from agent.parse.kmsg import parse_kmsg
from agent.parse.names import printable_text
from agent.parse.oom import parse_oom_line
from tests.parse.captured_text import captured_lines

SIZES = "total-vm:33764kB, anon-rss:32416kB, file-rss:4kB, shmem-rss:628kB"
ENDING = ", UID:0 pgtables:104kB oom_score_adj:900"


def _killed(
    comm: str = "work",
    *,
    memory_cgroup: bool | None = True,
    uid: int | None = 0,
    page_tables_bytes: int | None = 104 * 1024,
    oom_score_adj: int | None = 900,
) -> OOMKilledProcess:
    return OOMKilledProcess(
        memory_cgroup=memory_cgroup,
        pid=829,
        comm=comm,
        total_vm_bytes=33764 * 1024,
        anon_rss_bytes=32416 * 1024,
        file_rss_bytes=4 * 1024,
        shmem_rss_bytes=628 * 1024,
        uid=uid,
        page_tables_bytes=page_tables_bytes,
        oom_score_adj=oom_score_adj,
    )


def _lines(name: str) -> list[OOMLine]:
    texts = (parse_kmsg(line).text for line in captured_lines(name))
    return [line for text in texts if (line := parse_oom_line(text)) is not None]


def test_captured_container() -> None:
    """A container at its own limit: all four lines, and nothing in the stack trace or tables."""
    pod = "/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
    container = f"{pod}/253748b789a4f7662b4ea1da40a21f7debbc60570505989224a206bd762592ae"
    assert _lines("kmsg_container.txt") == [
        OOMInvoked(comm="work", gfp_mask="0xcc0(GFP_KERNEL)", order=0, oom_score_adj=900),
        OOMUsage(usage_bytes=32768 * 1024, limit_bytes=32768 * 1024),
        (
            OOMSummary(
                constraint="CONSTRAINT_MEMCG",
                global_oom=False,
                oom_memcg=container,
                task_memcg=container,
                task="work",
                pid=829,
                uid=0,
            ),
        ),
        _killed(),
    ]


def test_captured_group() -> None:
    """A group kill on 6.1: the group after the first victim, and the first victim twice."""
    lines = _lines("kmsg_group.txt")
    kinds = [type(line) for line in lines]
    assert kinds[3:] == [OOMKilledProcess, OOMGroupKill, OOMKilledProcess, OOMKilledProcess]
    assert [line.pid for line in lines if isinstance(line, OOMKilledProcess)] == [1373, 1356, 1373]


def test_captured_node() -> None:
    """The node's own shortage: three summaries without oom_memcg, three victims."""
    lines = _lines("kmsg_node.txt")
    readings = [reading for line in lines if isinstance(line, tuple) for reading in line]
    killed = [line for line in lines if isinstance(line, OOMKilledProcess)]
    assert [(r.global_oom, r.oom_memcg, r.pid) for r in readings] == [
        (True, "", 424),
        (True, "", 425),
        (True, "", 423),
    ]
    assert [(line.memory_cgroup, line.pid) for line in killed] == [
        (False, 424),
        (False, 425),
        (False, 423),
    ]


@pytest.mark.parametrize(
    ("name", "pids"),
    [
        ("kmsg_pod.txt", [7786]),
        ("kmsg_init.txt", [8301, 8341, 8385]),
        ("kmsg_mismatch.txt", [8591]),
        ("kmsg_systemd.txt", [778]),
        ("kmsg_6.12_group.txt", [823, 805, 822, 824]),
    ],
)
def test_captured_victims(name: str, pids: list[int]) -> None:
    """Every victim of the other captured kills, and each summary with the one true reading."""
    lines = _lines(name)
    assert [line.pid for line in lines if isinstance(line, OOMKilledProcess)] == pids
    assert all(len(line) == 1 for line in lines if isinstance(line, tuple))
    assert any(isinstance(line, tuple) for line in lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"Memory cgroup out of memory: Killed process 829 (work) {SIZES}{ENDING}", _killed()),
        (
            f"Out of memory: Killed process 829 (work) {SIZES}{ENDING}",
            _killed(memory_cgroup=False),
        ),
        (
            "Out of memory (oom_kill_allocating_task): Killed process 829 (work) " + SIZES + ENDING,
            _killed(memory_cgroup=False),
        ),
        (
            f"Some later sentence: Killed process 829 (work) {SIZES}{ENDING}",
            _killed(memory_cgroup=False),
        ),
        (  # Linux 5.2
            f"Memory cgroup out of memory: Killed process 829 (work) {SIZES}",
            _killed(uid=None, page_tables_bytes=None, oom_score_adj=None),
        ),
        (
            f"Memory cgroup out of memory: Killed process 829 (work) {SIZES}, UID:4294967294",
            _killed(uid=4294967294, page_tables_bytes=None, oom_score_adj=None),
        ),
        (  # Linux 4.19
            f"Killed process 829 (work) {SIZES}",
            _killed(memory_cgroup=None, uid=None, page_tables_bytes=None, oom_score_adj=None),
        ),
        (
            (
                f"Out of memory: Killed process 829 (work) {SIZES}, UID:0 pgtables:104kB"
                " oom_score_adj:-998 later:1"
            ),
            _killed(memory_cgroup=False, oom_score_adj=-998),
        ),
    ],
)
def test_killed(text: str, line: OOMKilledProcess) -> None:
    """The forms of the line since Linux 4.19, and additions to come."""
    assert parse_oom_line(text) == line


@pytest.mark.parametrize(
    "comm",
    [
        "",
        "runc:[2:INIT]",
        ") total-vm:1kB,",
        "a) (b) total-vm",
        "(((((",
        "x\ny",
        "\xff\x00",
        "\\x41",
        " invoked oom-ki",
        "Killed process ",
    ],
)
def test_forged_comm(comm: str) -> None:
    """The numbers are the kernel's, whatever the victim is called."""
    text = f"Memory cgroup out of memory: Killed process 829 ({comm}) {SIZES}{ENDING}"
    assert parse_oom_line(text) == _killed(printable_text(comm))


_COMMS = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=15),
    st.lists(
        st.sampled_from(
            ["(", ")", ") ", "total-vm:1kB, ", "Killed ", " invoked ", "oom-kill", ":"]
        ),
        max_size=5,
    ).map(lambda words: "".join(words)[:15]),
)


@given(comm=_COMMS)
def test_any_comm(comm: str) -> None:
    """No comm of 15 bytes changes the victim, or the task that invoked the killer."""
    killed = f"Memory cgroup out of memory: Killed process 829 ({comm}) {SIZES}{ENDING}"
    assert parse_oom_line(killed) == _killed(printable_text(comm))
    invoked = f"{comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=900"
    assert parse_oom_line(invoked) == OOMInvoked(
        comm=printable_text(comm), gfp_mask="0xcc0(GFP_KERNEL)", order=0, oom_score_adj=900
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            (
                "sleep invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP),"
                " order=0, oom_score_adj=0"
            ),
            OOMInvoked(
                comm="sleep",
                gfp_mask="0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)",
                order=0,
                oom_score_adj=0,
            ),
        ),
        (  # Linux 4.19; order -1 is sysrq
            (
                "kworker/0:1 invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null),"
                " order=-1, oom_score_adj=-998"
            ),
            OOMInvoked(
                comm="kworker/0:1",
                gfp_mask="0x6000c0(GFP_KERNEL)",
                order=-1,
                oom_score_adj=-998,
            ),
        ),
        (
            "oom-kill:constr invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0",
            OOMInvoked(comm="oom-kill:constr", gfp_mask="0xcc0", order=0, oom_score_adj=0),
        ),
        (
            "memory: usage 1 invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0",
            OOMInvoked(comm="memory: usage 1", gfp_mask="0xcc0", order=0, oom_score_adj=0),
        ),
        (
            "memory: usage 9007199254740988kB, limit 9007199254740988kB, failcnt 0",
            OOMUsage(usage_bytes=9007199254740988 * 1024, limit_bytes=None),
        ),
        (
            "memory: usage 0kB, limit 9007199254740928kB, failcnt 0",  # pages of 64 KiB
            OOMUsage(usage_bytes=0, limit_bytes=None),
        ),
        (
            "Tasks in /a are going to be killed due to memory.oom.group set",
            OOMGroupKill(cgroup="/a"),
        ),
        (
            (
                "Tasks in /a are going to be killed due to memory.oom.group set/b\xff"
                " are going to be killed due to memory.oom.group set"
            ),
            OOMGroupKill(cgroup=r"/a are going to be killed due to memory.oom.group set/b\xff"),
        ),
    ],
)
def test_other_lines(text: str, line: OOMLine) -> None:
    """The header, the usage and the group, with names that imitate them."""
    assert parse_oom_line(text) == line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "swap: usage 0kB, limit 0kB, failcnt 0",
        "kmem: usage 0kB, limit 9007199254740988kB, failcnt 0",
        "Memory cgroup out of memory: Kill process 829 (work) score 974 or sacrifice child",
        "Memory cgroup out of memory: OOM victim 8 (x) is already exiting. Skip killing the task",
        "Out of memory and no killable processes...",
        "oom_reaper: reaped process 829 (work), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
        "oom_kill_process: 75 callbacks suppressed",
        "[    829]     0   829     8441     8262   106496        0           900 work",
        "Task in /a killed as a result of limit of /b",
        # Other lines of the kernel's that begin with a comm or hold a path:
        "Killed process  (829): drop_caches: 3",
        "Tasks in /a[829]: segfault at 0 ip 0 sp 0 error 4 in x[0+1000]",
        "oom-kill:constr[829]: segfault at 0 ip 0 sp 0 error 4 in x[0+1000]",
        "memory: usage 1[829]: segfault at 0 ip 0 sp 0 error 4 in x[0+1000]",
        f"process '/x: Killed process 1 (a) {SIZES}{ENDING}' started with executable stack",
        f"a long beginning, then: x Killed process 1 (a) {SIZES}{ENDING}",
        "a comm of 16 byt invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0",
    ],
)
def test_not_ours(text: str) -> None:
    """What is no kill, or only looks like one, is nothing."""
    assert parse_oom_line(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "x invoked oom-killer: gfp_mask=0xcc0",
        "memory: usage 1kB, limit xkB, failcnt 0",
        "memory: usage 1kB",
        "Tasks in /a are going to be killed due to",
        "Out of memory: Killed process 829 (work)",
        "Out of memory: Killed process 829 (work) total-vm:1kB, anon-rss:2kB, file-rss:3kB",
        f"Out of memory: Killed process 829 (work) {SIZES}x",
        f"Out of memory: Killed process 829 (work) {SIZES.replace('4kB', '4MB')}{ENDING}",
        f"Killed process 829 (work) {SIZES.replace('4kB', '9' * 5000 + 'kB')}{ENDING}",
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)",
    ],
)
def test_refused(text: str) -> None:
    """A line that begins as one of ours and does not go on as one is said so."""
    with pytest.raises(ParseError):
        parse_oom_line(text)
