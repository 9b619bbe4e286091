"""What a drill prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.drill.agent_hops import MetricsHop
from agent.drill.report import DrillReport, HopResult, IncidentSeen
from agent.nodectl import drill

GOLDEN = Path(__file__).parent / "golden"
CGROUP = "/nodewitness-drill-effffffc0000124d00000004d0d3bcb1"


def _hop(name: str, latency_us: int, what: str, published_us: int | None = None) -> HopResult:
    return HopResult(
        name=name,
        latency_ns=latency_us * 1000,
        published_ns=None if published_us is None else published_us * 1000,
        what=what,
        check="",
    )


def passed() -> DrillReport:
    return DrillReport(
        cgroup=CGROUP,
        cgroup_mode="v2",
        limit_bytes=32 << 20,
        pid=4686,
        comm="drill-d0d3bcb1",
        eaten_bytes=32_112_640,
        last_step_boottime_ns=3_046_313_151_730,
        death_ns=1_230_000,
        hops=(
            _hop("counter", 640, "memory.events oom_kill 0 -> 1"),
            _hop("vmstat", 789, "/proc/vmstat oom_kill 14 -> 15"),
            _hop(
                *("kmsg", 810),
                "record 2949: Memory cgroup out of memory: Killed process 4686 (drill-d0d3bcb1)",
            ),
            _hop("stream", 3_940, "event 1043, oom_recorded", published_us=2_610),
            _hop(
                *("ledger", 11_200),
                "incident 0c2e7a4e-5f0b-4e8c-9d61-2f6f3c1f9a10/k2949: our cgroup, our pid",
            ),
            _hop("metrics", 31_700, "nodewitness_oom_drill_kills_total 3 -> 4"),
            _hop("books", 214_000, "15 kills = 15 attributed + 0 repeats + 0 unattributed"),
        ),
        incident=IncidentSeen(
            id="0c2e7a4e-5f0b-4e8c-9d61-2f6f3c1f9a10/k2949",
            revision=2,
            witnesses=("WITNESS_VMSTAT", "WITNESS_MEMORY_EVENTS", "WITNESS_KMSG", "WITNESS_TRACE"),
            confidence="CONFIDENCE_HIGH",
            attribution="ATTRIBUTION_PROC",
        ),
        leftovers_removed=(),
    )


def failed() -> DrillReport:
    report = passed()
    refused = HopResult(
        name="metrics",
        latency_ns=None,
        published_ns=None,
        what="http://127.0.0.1:9754/metrics: [Errno 111] Connection refused",
        check=MetricsHop.check,
    )
    return replace(
        report,
        hops=(*report.hops[:5], refused, report.hops[6]),
        leftovers_removed=("/nodewitness-drill-effffffc0000110300000004a5c38e59",),
    )


@pytest.mark.parametrize("make", [passed, failed])
def test_golden(make: Callable[[], DrillReport]) -> None:
    """Every hop on its line, who saw the kill, the verdict; under 100 columns."""
    report = make()
    path = GOLDEN / f"drill_{make.__name__}.txt"
    text = f"{drill.opening(report.cgroup, report.limit_bytes, 'drill-d0d3bcb1', 4686)}\n"
    text += drill.report(report) + "\n"
    if os.environ.get("NODEWITNESS_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
    assert max(map(len, text.splitlines())) < 100


def test_without_agent_nothing_is_said_of_one() -> None:
    """The kernel's half alone has no witnesses to tell."""
    report = replace(passed(), hops=passed().hops[:3], incident=None)
    text = drill.report(report)
    assert "seen by" not in text
    assert text.endswith("passed   all 3 hops saw the kill")


def test_hostile_words_of_a_wrong_page_are_escaped() -> None:
    """What a hop met may hold anything."""
    hop = replace(failed().hops[5], what="\x1b[2Jboom\n")
    text = drill.report(replace(failed(), hops=(hop,)))
    assert "\\x1b[2Jboom\\x0a" in text
