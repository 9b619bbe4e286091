"""A metric family as one row: name, kind, help, labels, and where the value comes from.

A row whose function yields nothing is left out of that scrape: what is unknown is absent, never
zero. Pids, UIDs, paths and inodes are in the events, never in a label.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

from msgspec import Struct

from agent.model.latency import Latency
from agent.serve.scrape import Scrape


class Kind(enum.Enum):
    COUNTER = "counter"
    GAUGE = "gauge"


Samples = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels, and the figure."""


class Row(Struct, frozen=True, kw_only=True):
    """One family; `name` without "_total"."""

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Scrape], Samples]


class HistogramRow(Struct, frozen=True, kw_only=True):
    """One family of histograms, in the buckets of agent.model.latency."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Scrape], Iterable[tuple[tuple[str, ...], Latency]]]


def counter(
    name: str,
    text: str,
    samples: Callable[[Scrape], Samples],
    labels: tuple[str, ...] = (),
) -> Row:
    """A row; `name` without "nodewitness_" and "_total"."""
    name = f"nodewitness_{name}"
    return Row(kind=Kind.COUNTER, name=name, help=text, labels=labels, samples=samples)


def gauge(
    name: str,
    text: str,
    samples: Callable[[Scrape], Samples],
    labels: tuple[str, ...] = (),
) -> Row:
    """A row; `name` without "nodewitness_"."""
    name = f"nodewitness_{name}"
    return Row(kind=Kind.GAUGE, name=name, help=text, labels=labels, samples=samples)


def one(value: float | None) -> Samples:
    """The only sample of a family without labels; none if it is not known."""
    return () if value is None else (((), value),)
