"""ConntrackFull: no new connection can be tracked, so that its packets are dropped."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import CONNTRACK_FULL
from agent.model.condition import NODE, Evidence, Finding, Severity
from agent.model.plumbing import ALMOST_FULL, Conntrack, PlumbingRates

STAT = "/proc/net/stat/nf_conntrack"


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    table = None if report is None else report.sample.conntrack
    if report is None or table is None or table.fill < ALMOST_FULL:
        return
    # An insert that clashes with another one is counted as both (nf_ct_resolve_clash, Linux 5.9).
    clashes = report.rates.conntrack_insert_failed or 0.0
    drops = max(0.0, (report.rates.conntrack_drops or 0.0) - clashes)
    full = table.fill >= 1 or drops > 0
    said = f"{table.entries:,} of {table.limit:,} connections are tracked ({table.fill:.0%})"
    if drops:
        said += f", {drops:,.1f} packets a second are dropped for want of an entry"
    yield Finding(
        type=CONNTRACK_FULL.name,
        entity=NODE,
        reason="Dropping" if drops else "Full" if full else "AlmostFull",
        message=said,
        evidence=tuple(_evidence(table, report.rates)),
        severity=None if full else Severity.WARNING,
    )


def _evidence(table: Conntrack, rates: PlumbingRates) -> Iterator[Evidence]:
    sysctl = "/proc/sys/net/netfilter/nf_conntrack_max"
    yield Evidence(what="entries", value=str(table.entries), source=STAT)
    yield Evidence(what="limit", value=str(table.limit), source=sysctl)
    if table.counters is None:
        return
    counted = (
        ("drop", table.counters.drop, rates.conntrack_drops),
        ("early_drop", table.counters.early_drop, rates.conntrack_early_drops),
        ("insert_failed", table.counters.insert_failed, rates.conntrack_insert_failed),
    )
    for what, count, rate in counted:
        now = "" if rate is None else f", {rate:,.1f}/s in {rates.window_seconds:.0f} s"
        yield Evidence(what=what, value=f"{count} since boot{now}", source=STAT)


DETECTOR = Detector(condition=CONNTRACK_FULL, detect=_detect)
