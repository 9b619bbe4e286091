"""cAdvisor's names on /metrics: off unless asked for, and then the ledger's counts."""

from __future__ import annotations

import pytest

from agent.serve.cadvisor import MEMORY_EVENTS, OOM_EVENTS
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.sample import SampleView
from tests.serve.test_pages import Samples, samples

NAMES = [f"{OOM_EVENTS.name}_total", *(family.name for family in MEMORY_EVENTS)]


def scrape(form: Format = Format.TEXT, *, names: bool = True) -> Samples:
    return samples(Pages(SampleView(), HttpStatistics(), cadvisor_names=names), form)


def summed(read: Samples, name: str) -> dict[tuple[str, ...], float]:
    """By namespace, pod and container."""
    sums: dict[tuple[str, ...], float] = {}
    for (each, labels), number in read.items():
        if each == name:
            found = dict(labels)
            key = tuple(found[label] for label in ("namespace", "pod", "container"))
            sums[key] = sums.get(key, 0) + number
    return sums


def test_off_by_default() -> None:
    """None of these names is served."""
    assert not {name for name, _ in scrape(names=False)} & set(NAMES)


@pytest.mark.parametrize("form", Format)
def test_oom_events(form: Format) -> None:
    """As many as kills of any outcome, each container in one series, and no other label."""
    read = scrape(form)
    events = summed(read, f"{OOM_EVENTS.name}_total")
    assert events == summed(read, "nodewitness_oom_kills_total")
    assert sum(events.values()) > 0
    labels = [dict(pairs).keys() for name, pairs in read if name == f"{OOM_EVENTS.name}_total"]
    assert all(found == {"namespace", "pod", "container"} for found in labels)


@pytest.mark.parametrize(("name", "expected"), [("max", 7), ("oom_kill", 1)])
def test_memory_events(name: str, expected: float) -> None:
    """The lines of memory.events that the kernel has, of the containers that are there."""
    events = summed(scrape(), f"container_memory_events_{name}_total")
    assert events["shop", "web-0", "app"] == expected
