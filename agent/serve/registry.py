"""The agent's own metrics in a prometheus_client registry: the rows, two infos, the process."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from agent.model.latency import BOUNDS, Latency
from agent.serve.container_series import FAMILIES
from agent.serve.exits import EXITS
from agent.serve.exposition import visible
from agent.serve.metrics import HISTOGRAMS, ROWS
from agent.serve.oom import KILLS
from agent.serve.row import HistogramRow, Kind, Row
from agent.serve.scrape import Scrape


class ScrapeCollector(Collector):
    """The rows for prometheus_client. Set `now` before each collection: a scrape is one moment."""

    def __init__(self) -> None:
        self.now: Scrape | None = None

    def describe(self) -> Iterator[Metric]:
        """Every name there can be, also of what is written by hand: the registry then refuses it
        to others.
        """
        yield CounterMetricFamily(KILLS.name, KILLS.help)
        yield CounterMetricFamily(EXITS.name, EXITS.help)
        for family in FAMILIES:
            yield Metric(family.name.removesuffix("_total"), family.help, family.kind.value)
        yield _build_info({})
        yield _node_info({})
        for row in ROWS:
            yield _family(row, {})
        for histogram in HISTOGRAMS:
            yield _histogram(histogram, ())

    def collect(self) -> Iterator[Metric]:
        """The families that have a sample now; none before the first `now`."""
        if self.now is None:
            return
        identity, host = self.now.status.identity, self.now.status.host
        yield _build_info(
            {"version": identity.version, "python_version": platform.python_version()}
        )
        yield _node_info(
            {
                "node": identity.node,
                "kernel_release": host.kernel_release,
                "cgroup_mode": host.cgroup_mode,
                "cgroup_driver": host.cgroup_driver,
            }
        )
        for row in ROWS:
            # What becomes the same once it is printable is added up: no series may stand twice.
            sums: dict[tuple[str, ...], float] = {}
            for labels, value in row.samples(self.now):
                shown = tuple(map(visible, labels))
                sums[shown] = sums.get(shown, 0) + value
            if sums:
                yield _family(row, sums)
        for histogram in HISTOGRAMS:
            found = tuple(histogram.samples(self.now))
            if found:
                yield _histogram(histogram, found)


def build_registry(collector: ScrapeCollector) -> CollectorRegistry:
    """A registry of our own: what libraries register by their import does not get in.

    None of these collectors writes *_created series.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(namespace="nodewitness", registry=registry)
    return registry


def _family(row: Row, samples: dict[tuple[str, ...], float]) -> Metric:
    family: CounterMetricFamily | GaugeMetricFamily
    match row.kind:
        case Kind.COUNTER:
            family = CounterMetricFamily(row.name, row.help, labels=row.labels)
        case Kind.GAUGE:
            family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
    for labels, value in samples.items():
        family.add_metric(labels, value)
    return family


def _histogram(
    row: HistogramRow, samples: Iterable[tuple[tuple[str, ...], Latency]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(row.name, row.help, labels=row.labels)
    for labels, latency in samples:
        buckets = []
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), latency.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(labels, buckets, sum_value=latency.total_seconds)
    return family


def _build_info(labels: dict[str, str]) -> Metric:
    return _info("nodewitness_build", "The agent; always 1.", labels)


def _node_info(labels: dict[str, str]) -> Metric:
    return _info("nodewitness_node", "The node; always 1.", labels)


def _info(name: str, text: str, labels: dict[str, str]) -> Metric:
    shown = {key: visible(value) for key, value in labels.items()}
    return InfoMetricFamily(name, text, value=shown or None)
