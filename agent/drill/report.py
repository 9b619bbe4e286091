"""What a drill found: plain values, for a table or for JSON."""

from __future__ import annotations

from msgspec import Struct


class Seen(Struct, frozen=True, kw_only=True):
    """A hop saw the kill."""

    boottime_ns: int  # when, by our clock
    what: str
    published_ns: int | None = None  # what it saw says of itself, CLOCK_BOOTTIME


class HopResult(Struct, frozen=True, kw_only=True):
    """One hop: seen so long after the kill, or missed."""

    name: str
    latency_ns: int | None  # None: missed
    published_ns: int | None  # after the kill, if what it saw carries its own time
    what: str  # what it saw, or the last that stood in its way
    check: str  # what to look at; empty if it saw the kill


class IncidentSeen(Struct, frozen=True, kw_only=True):
    """The agent's last word on our kill."""

    id: str
    revision: int
    witnesses: tuple[str, ...]  # names as in the proto, e.g. "WITNESS_KMSG"
    confidence: str  # e.g. "CONFIDENCE_HIGH"
    attribution: str  # e.g. "ATTRIBUTION_PROC"


class DrillReport(Struct, frozen=True, kw_only=True):
    """One drill. Latencies count from the eater's last step before it was killed."""

    cgroup: str
    cgroup_mode: str
    limit_bytes: int
    pid: int
    comm: str
    eaten_bytes: int
    last_step_boottime_ns: int
    death_ns: int  # after the last step, when the eater was dead
    hops: tuple[HopResult, ...]
    incident: IncidentSeen | None
    leftovers_removed: tuple[str, ...]  # scratch cgroups of earlier, dead drills

    @property
    def passed(self) -> bool:
        """Every hop saw the kill."""
        return all(hop.latency_ns is not None for hop in self.hops)
