"""Hops side by side: each has its own clock, and none can spoil another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.drill.report import Seen
from agent.drill.watch import HopError, Watch
from agent.host.absence import SourceAbsent
from agent.model.absence import Absence, ParseError


@dataclass
class Scripted:
    """A hop that does what it is told, look by look; the last step is repeated."""

    name: str
    steps: list[Callable[[], Seen | None]]
    check: str = "look there"
    interval_seconds: float = 0.001

    def look(self) -> Seen | None:
        return (self.steps.pop(0) if len(self.steps) > 1 else self.steps[0])()


def _nothing() -> Seen | None:
    return None


def _seen() -> Seen | None:
    return Seen(boottime_ns=1_500, what="there", published_ns=1_200)


def _raise(error: Exception) -> Callable[[], Seen | None]:
    def step() -> Seen | None:
        raise error

    return step


def test_results_in_order_with_latencies() -> None:
    """Latency counts from the kill; obstacles on the way to success are forgotten."""
    hops = [
        Scripted("slow", [_nothing, _raise(HopError("not yet")), _nothing, _seen]),
        Scripted("fast", [_seen]),
    ]
    watch = Watch(hops)
    watch.start()
    slow, fast = watch.results(killed_ns=1_000, seconds=30)
    watch.close()
    assert (slow.name, slow.latency_ns, slow.published_ns) == ("slow", 500, 200)
    assert (fast.name, fast.what, fast.check) == ("fast", "there", "")


def test_missed_hop_says_what_stood_in_the_way() -> None:
    """At the deadline the last obstacle is told, with what to look at; others are not touched."""
    gone = SourceAbsent(Absence.VANISHED, "the cgroup is gone")
    hops = [
        Scripted("seen", [_seen]),
        Scripted("silent", [_nothing]),
        Scripted("error", [_raise(HopError("no connection"))]),
        Scripted("gone", [_raise(gone)]),
        Scripted("garbled", [_raise(ParseError("a number", b"x"))]),
    ]
    watch = Watch(hops)
    watch.start()
    results = watch.results(killed_ns=0, seconds=0.2)
    watch.close()
    assert [result.latency_ns is None for result in results] == [False, True, True, True, True]
    assert [result.what for result in results[1:]] == [
        "nothing",
        "no connection",
        "the cgroup is gone",
        "expected a number, got 'x'",
    ]
    assert {result.check for result in results[1:]} == {"look there"}
