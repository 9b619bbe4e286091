"""The metric families of the agent itself: its sources, its journal, its loop, its memory."""

from __future__ import annotations

from collections.abc import Callable

from agent.model.source import SourceHealth, SourceState
from agent.serve.row import HistogramRow, Samples, counter, gauge, one
from agent.serve.scrape import Scrape


def _each_source(scrape: Scrape, count: Callable[[SourceHealth], int]) -> Samples:
    return (((source.name,), count(source)) for source in scrape.status.sources)


def _source_up(scrape: Scrape) -> Samples:
    for source in scrape.status.sources:
        if source.state is not SourceState.ABSENT:
            yield (source.name,), source.state is SourceState.UP


def _source_absent(scrape: Scrape) -> Samples:
    for source in scrape.status.sources:
        if source.state is SourceState.ABSENT:
            yield (source.name, source.absence.value if source.absence else ""), 1


def _journal_up(scrape: Scrape) -> Samples:
    state = scrape.status.journal.state
    return one(None if state == "off" else state == "ok")


ROWS = (
    gauge(
        "source_up",
        "Whether a source sees (1) or should see and does not (0); not for sources that the "
        "host does not have.",
        _source_up,
        labels=("source",),
    ),
    gauge(
        "source_absent",
        "Sources that the host does not have or that are switched off; nothing is broken.",
        _source_absent,
        labels=("source", "absence"),
    ),
    counter(
        "source_records",
        "Records read from a source.",
        lambda s: _each_source(s, lambda source: source.records),
        labels=("source",),
    ),
    counter(
        "source_records_lost",
        "Records of a source known to be lost, such as overruns of the kernel's ring.",
        lambda s: _each_source(s, lambda source: source.lost),
        labels=("source",),
    ),
    counter(
        "events_dropped",
        "Events that never reached the journal's disk, or that slow subscribers missed.",
        lambda s: (
            (("journal",), s.status.journal.dropped),
            (("subscribers",), s.status.usage.subscriber_drops),
        ),
        labels=("queue",),
    ),
    gauge(
        "journal_up",
        "Whether the journal is written (1) or should be and is not (0); absent where it is off.",
        _journal_up,
    ),
    gauge("journal_bytes", "Size of the journal.", lambda s: one(s.status.journal.bytes)),
    gauge("journal_events", "Events in the journal.", lambda s: one(s.status.journal.events)),
    gauge(
        "journal_waiting_events",
        "Events that wait for the journal's disk: lost to it if the agent ends before.",
        lambda s: one(s.status.journal.waiting),
    ),
    gauge(
        "event_subscribers",
        "Open streams of events (WatchEvents).",
        lambda s: one(s.status.usage.subscribers),
    ),
    gauge(
        "abandoned_workers",
        "Reads that hung and were given up, now.",
        lambda s: one(s.status.usage.abandoned_workers),
    ),
    gauge(
        "worker_limit",
        "Threads for such reads, at most: what nodewitness_abandoned_workers cannot exceed.",
        lambda s: one(s.status.usage.worker_limit),
    ),
    gauge(
        "loop_lag_max_seconds",
        "By how much the agent's event loop was late at most, in the last five minutes.",
        lambda s: one(s.status.usage.loop_lag_max_seconds),
    ),
    gauge(
        "protected",
        "Whether the agent has got this protection from a lack of memory (1) or was refused it.",
        lambda s: (((each.name,), each.got) for each in s.status.usage.protections),
        labels=("means",),
    ),
    gauge(
        "trace_buffer_bytes",
        "Memory of the kernel's trace buffers that the agent owns.",
        lambda s: one(s.status.usage.trace_buffer_bytes),
    ),
    gauge(
        "recorder_window_seconds",
        "How far back the flight recorder reaches, the age of its oldest event; absent while it "
        "is empty or off.",
        lambda s: one(s.status.recorder_window_seconds),
    ),
)

HISTOGRAMS = (
    HistogramRow(
        name="nodewitness_loop_lag_seconds",
        help="By how much the agent's event loop was late for a timer: nothing is detected or "
        "answered meanwhile.",
        labels=(),
        samples=lambda s: (((), s.status.usage.loop_lag),),
    ),
)
