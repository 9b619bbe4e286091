"""NeighbourTableFull: the node cannot learn where a neighbour is."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import NEIGHBOUR_TABLE_FULL
from agent.model.condition import NODE, Evidence, Finding
from agent.model.plumbing import Neighbours

FILES = {4: "/proc/net/stat/arp_cache", 6: "/proc/net/stat/ndisc_cache"}


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    if report is None:
        return
    rates = report.rates.neighbour_fulls
    full = [table for table in report.sample.neighbours if rates.get(table.version)]
    if not full:
        return
    told = (
        f"IPv{table.version}: {_entries(table)}, {rates[table.version]:,.1f} times a second no "
        "entry could be made"
        for table in full
    )
    yield Finding(
        type=NEIGHBOUR_TABLE_FULL.name,
        entity=NODE,
        reason="TableFull",
        message=f"the table of neighbours is full: {'; '.join(told)}",
        evidence=tuple(
            Evidence(
                what="table_fulls",
                value=f"{table.table_fulls} since boot; {_entries(table)}",
                source=FILES[table.version],
            )
            for table in full
        ),
    )


def _entries(table: Neighbours) -> str:
    limit = "" if table.limit is None else f", gc_thresh3 is {table.limit:,}"
    return f"{table.entries:,} entries{limit}"


DETECTOR = Detector(condition=NEIGHBOUR_TABLE_FULL, detect=_detect)
