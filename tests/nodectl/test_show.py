"""From wire messages to text. The goldens are the example outputs of the documentation.

After a wanted change: `NODEWITNESS_WRITE_GOLDEN=1 pytest tests/nodectl`, and read the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.api.v1 import event_pb2, node_agent_pb2, oom_pb2, status_pb2
from agent.model.catalogue.oom import HIDDEN_OOM_KILL
from agent.nodectl.explain import explained
from agent.nodectl.show import (
    cni,
    conditions,
    cpu,
    deaths,
    events,
    heartbeat,
    io,
    kubelet,
    memory,
    net,
    ns,
    oom,
    plumbing,
    pressure,
    pulls,
    runtime,
    status,
    usage,
    words,
)
from tests.nodectl import examples, usage_examples

GOLDEN = Path(__file__).parent / "golden"


def _oom() -> str:
    return oom.report(examples.answer(), examples.NOW_NS, " on this node", columns=99)


def _ps() -> str:
    return usage.containers(usage_examples.containers(), examples.NOW_NS, wide=False)


def _pods() -> str:
    return usage.pods(usage_examples.pods(), examples.NOW_NS, wide=False)


def _oom_table() -> str:
    return oom.report(examples.answer(), examples.NOW_NS, " on this node")


def _exits() -> str:
    return deaths.report(examples.exits(), examples.NOW_NS, "", columns=99)


def _exits_empty() -> str:
    return deaths.report(
        node_agent_pb2.ListExitsResponse(), examples.NOW_NS, " in namespace shop in the last 10m"
    )


def _oom_empty() -> str:
    empty = node_agent_pb2.ListOOMIncidentsResponse(
        books=oom_pb2.OOMBooks(counted=0, balanced=True)
    )
    return oom.report(empty, examples.NOW_NS, " in namespace shop in the last 10m")


def _status() -> str:
    return status.report(examples.healthy(), examples.NOW_NS)


def _status_sick() -> str:
    return status.report(examples.sick(), examples.NOW_NS, examples.conditions())


def _conditions() -> str:
    answer = node_agent_pb2.ListConditionsResponse(conditions=examples.conditions())
    return conditions.report(answer, examples.NOW_NS, "")


def _conditions_wide() -> str:
    answer = node_agent_pb2.ListConditionsResponse(conditions=examples.conditions())
    return conditions.report(answer, examples.NOW_NS, "", wide=True)


def _explain() -> str:
    return explained(HIDDEN_OOM_KILL)


def _events() -> str:
    gap = event_pb2.StreamGap(
        reason="expired", first_missing=1, last_missing=40, detail="older events were dropped"
    )
    return "\n".join([events.gap_line(gap), *(events.line(event) for event in examples.events())])


def _pressure() -> str:
    return pressure.report(examples.pressure().pressure, examples.MEMORY_NS)


def _cni() -> str:
    return cni.report(examples.cni(), examples.CNI_NS)


def _net() -> str:
    return net.table(examples.networks(), examples.NETWORK_NS)


def _net_pod() -> str:
    return net.one(examples.networks(pod="web-1"), examples.NETWORK_NS)


def _net_node() -> str:
    return plumbing.node(examples.plumbing().plumbing)


def _ns() -> str:
    return ns.report(examples.namespaces(), examples.NETWORK_NS)


def _heartbeat() -> str:
    return heartbeat.report(examples.heartbeat().heartbeat)


def _pulls() -> str:
    return pulls.report(examples.pulls().pulls)


def _runtime() -> str:
    return runtime.report(examples.runtime().runtime, examples.CNI_NS)


def _kubelet() -> str:
    return kubelet.report(examples.kubelet().kubelet, examples.CNI_NS)


def _cpu() -> str:
    return cpu.report(examples.cpu().cpu)


def _io() -> str:
    return io.devices(examples.devices().io)


def _blocked() -> str:
    return io.tasks(examples.blocked().blocked)


def _memory() -> str:
    return memory.report(examples.memory().memory, examples.MEMORY_NS)


def _status_wide() -> str:
    return status.report(examples.healthy(), examples.NOW_NS, wide=True)


@pytest.mark.parametrize(
    "render",
    [
        _oom,
        _oom_table,
        _oom_empty,
        _exits,
        _exits_empty,
        _status,
        _status_sick,
        _status_wide,
        _memory,
        _pressure,
        _cni,
        _net,
        _net_pod,
        _net_node,
        _ns,
        _heartbeat,
        _pulls,
        _runtime,
        _kubelet,
        _cpu,
        _io,
        _blocked,
        _events,
        _conditions,
        _conditions_wide,
        _explain,
        _ps,
        _pods,
    ],
)
def test_golden(render: Callable[[], str]) -> None:
    """What is printed is what the documentation shows; only the full table is wider than 99."""
    path = GOLDEN / f"{render.__name__.strip('_')}.txt"
    text = render() + "\n"
    if os.environ.get("NODEWITNESS_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
    assert max(map(len, text.splitlines())) < (141 if render is _oom_table else 100)
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_wide_has_all_columns() -> None:
    """-o wide adds timestamps, the kernel's constraint, cgroup, evidence and id."""
    text = oom.report(examples.answer(), examples.NOW_NS, "", wide=True)
    header, first = text.splitlines()[:2]
    assert header.split("  ")[0] == "WHEN"
    assert header.endswith("ID")
    for word in (
        "2026-11-22 03:12:32Z",
        "survived",
        "CONSTRAINT_MEMCG",
        "/kubepods/burstable/pod1/c1",
        "/kubepods/x",
        "vmstat, memory.events, kmsg",
        "high",
        f"{examples.BOOT}/k451",
    ):
        assert word in first


def test_truncated_answer_says_so() -> None:
    """A list that was cut is never mistaken for the whole."""
    answer = examples.answer()
    answer.truncated = True
    assert "only the newest 5 are shown: raise --limit" in oom.report(answer, examples.NOW_NS, "")


@pytest.mark.parametrize(
    ("said", "disagreement", "shown"),
    [
        (
            "Error, 137",
            oom_pb2.DISAGREEMENT_KILL_NOT_REPORTED,
            ["Error, 137  <- wrong", "the kernel OOM-killed its init"],
        ),
        (
            "OOMKilled, exit code 0",
            oom_pb2.DISAGREEMENT_REPORTED_WITHOUT_DEATH,
            [
                "OOMKilled, exit code 0  <- wrong",
                "the kernel OOM-killed a child, not its init",
            ],
        ),
        (
            "OOMKilled, exit code 137",
            oom_pb2.DISAGREEMENT_UNSPECIFIED,
            ["OOMKilled, exit code 137"],
        ),
        ("Running", oom_pb2.DISAGREEMENT_UNSPECIFIED, ["Running"]),
        ("", oom_pb2.DISAGREEMENT_UNSPECIFIED, ["?"]),
    ],
)
def test_runtime_is_contradicted_where_the_kernel_knows_better(
    said: str, disagreement: oom_pb2.Disagreement, shown: list[str]
) -> None:
    """Where they disagree, the table marks it and says below what the kernel did."""
    incident = examples.hidden_kill()
    incident.outcome, incident.hidden = oom_pb2.OUTCOME_DIED, oom_pb2.TRUTH_NO
    incident.runtime_says, incident.disagreement = said, disagreement
    assert oom.runtime_says(incident) == shown[0]
    answer = node_agent_pb2.ListOOMIncidentsResponse(incidents=[incident])
    told = oom.report(answer, examples.NOW_NS, "").splitlines()
    about = [at for at, line in enumerate(told) if line.startswith("differ ")]
    assert [told[at + 1].strip() for at in about] == shown[1:]


def test_unknown_names_are_question_marks() -> None:
    """What no evidence tells is shown as unknown, never as empty and never as zero."""
    bare = oom_pb2.OOMIncident(
        container=oom_pb2.Container(pod_uid="d1cb3f57-a7a5", id="253748b789a4f766"),
        victims=[oom_pb2.Victim()],
        counted=1,
    )
    answer = node_agent_pb2.ListOOMIncidentsResponse(incidents=[bare])
    row = oom.report(answer, examples.NOW_NS, "").splitlines()[1]
    assert row.split() == [
        "?",
        "ago",
        "?",
        "d1cb3f57-a7a5",
        "253748b789a4",
        "?",
        "?",
        "?",
        "open",
        "?",
    ]


HOSTILE = [
    "\x1b[2J\x1b[31mok",
    "a\nnodewitness 0 kills",
    "a\rb",
    "\x9b31m",
    "abc\u202edef",
    "x\u2028y",
    "\x00\x07",
    "\ud800",
    "\U000e0001",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_escaped(name: str) -> None:
    """No name reaches the terminal with a character that it could obey."""
    shown = words.escape(name)
    assert shown.isprintable()
    assert "\\" in shown


def test_hostile_names_never_reach_the_terminal() -> None:
    """Every text field of every message is escaped, wherever it is shown."""
    evil = "e\x1b]0;x\x07\n\u202e"
    kill = examples.hidden_kill(comm=evil, pod=evil)
    kill.container.namespace = kill.container.name = kill.runtime_says = evil
    kill.constraint = kill.limit_cgroup = kill.id = evil
    outside = oom_pb2.OOMIncident(unit=evil, victims=[oom_pb2.Victim(comm=evil)])
    answer = node_agent_pb2.ListOOMIncidentsResponse(incidents=[kill, outside])
    bad = examples.sick()
    for source in bad.sources:
        source.name = source.detail = source.absence = source.tells = evil
    bad.identity.node = bad.identity.version = bad.host.kernel_release = evil
    bad.host.cgroup_mode = bad.host.cgroup_driver = evil
    bad.journal.state = bad.journal.detail = bad.journal.path = evil
    gap = event_pb2.StreamGap(reason=evil, detail=evil)
    kinds = [
        examples.event(1, oom_recorded=kill),
        examples.event(2, oom_amended=kill),
        examples.event(3, oom_recorded=outside),
        examples.event(4, source_gap=event_pb2.SourceGap(source=evil, detail=evil)),
        examples.event(5, source_change=event_pb2.SourceChange(source=evil, detail=evil)),
        examples.event(6, journal_change=event_pb2.JournalChange(state=evil, detail=evil)),
        examples.event(7, agent_started=event_pb2.AgentStarted(version=evil)),
    ]
    page = "\n".join(
        [
            oom.report(answer, examples.NOW_NS, "", wide=True),
            status.report(bad, examples.NOW_NS),
            events.gap_line(gap),
            *(events.line(event) for event in kinds),
        ]
    )
    assert all(line.isprintable() for line in page.split("\n"))
    assert len([*filter(None, page.split("\n"))]) < 66


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (3, 3, "event 3 is missing"),
        (3, 7, "events 3..7 are missing, 5 of them"),
        (3, None, "events from 3 on are missing"),
        (None, 7, "events up to 7 are missing"),
        (None, None, "events are missing, nobody knows how many"),
    ],
)
def test_gap_says_what_is_missing(first: int | None, last: int | None, said: str) -> None:
    """A gap names its bounds as far as they are known."""
    gap = event_pb2.StreamGap(reason="overrun", first_missing=first, last_missing=last)
    assert events.gap_line(gap) == f"-- gap: {said} (overrun)"


def test_unknown_kind_of_event_is_shown() -> None:
    """An event of a newer agent is not swallowed."""
    assert "does not know" in events.line(examples.event(9))


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1Ki"),
        (2 << 30, "2Gi"),
        (int(1.9 * (1 << 30)), "1.9Gi"),
        ((512 << 20) + 4096, "512Mi"),
        (50_000_000, "47.7Mi"),
        (1 << 63, "8Ei"),
    ],
)
def test_size(count: int, said: str) -> None:
    """Exact sizes are exact, others have one decimal."""
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0ms"),
        (0.25, "250ms"),
        (12.9, "12s"),
        (131, "2m11s"),
        (242, "4m02s"),
        (1900, "31m"),
        (3600, "1h"),
        (11000, "3h03m"),
        (72 * 3600, "72h"),
        (6 * 86400, "6d"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    """At most two units."""
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("nanoseconds", "said"),
    [(420_000, "0.42ms"), (8_300_000, "8.3ms"), (214_000_000, "214ms"), (1_920_000_000, "1.92s")],
)
def test_latency(nanoseconds: int, said: str) -> None:
    """Three digits, whatever the size."""
    assert words.latency(nanoseconds) == said


def test_unreadable_count_makes_no_claim() -> None:
    """Without the kernel's count the books claim nothing, and that is critical."""
    silent = oom_pb2.OOMBooks(victims=3)
    assert "no claim is made" in words.books_line(silent)
    bad = examples.healthy()
    bad.oom.CopyFrom(silent)
    found = status.troubles(bad, examples.NOW_NS)
    assert [(trouble.critical, trouble.what) for trouble in found] == [(True, "books")]


def test_drivers_that_disagree_are_a_warning() -> None:
    """It works, and no pod's limit does."""
    bad = examples.healthy()
    bad.host.cgroup_driver = "mismatch"
    (found,) = status.troubles(bad, examples.NOW_NS)
    assert (found.critical, found.what) == (False, "drivers")
    assert "SystemdCgroup = true" in status.report(bad, examples.NOW_NS)


def test_required_source_that_is_absent_is_critical() -> None:
    """A host that does not have what the agent needs is no healthy host."""
    bad = examples.healthy()
    bad.sources[0].required = True
    bad.sources[0].state = status_pb2.Source.STATE_ABSENT
    assert [t.critical for t in status.troubles(bad, examples.NOW_NS)] == [True]


def test_a_kill_that_nobody_settles_is_said() -> None:
    """The sums agree, and that is not all: what is pending for a minute is critical."""
    left = examples.healthy()
    left.oom.counted += 1
    left.oom.pending = left.oom.overdue = 1
    left.oom.balanced = False
    found = [(each.critical, each.text) for each in status.troubles(left, examples.NOW_NS)]
    assert (True, "1 OOM kill was counted more than a minute ago and is not settled") in found
    assert words.books_line(left.oom).endswith(" + 1 pending")
    assert "!=" not in words.books_line(left.oom)
    assert "1 of the pending is not settled" in words.books_notes(left.oom)[0]


def test_what_the_journal_may_lose_is_said() -> None:
    """How many events wait for a disk that hangs; while it writes, some always do."""
    hangs = examples.healthy()
    hangs.journal.waiting = 1057
    assert "wait for the disk" not in status.report(hangs, examples.NOW_NS)
    hangs.journal.state = "stalled"
    told = " ".join(status.report(hangs, examples.NOW_NS).split())
    assert "1,057 events wait for the disk · /var/lib" in told
