"""agent.serve.cpu and agent.api.cpu."""

from __future__ import annotations

from msgspec.structs import replace

from agent.serve import cpu
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.cpu_sample import CPU
from tests.serve.sample import SampleView


def test_answer() -> None:
    """What is not known is absent, never zero."""
    told = cpu.answer(CPU).cpu
    assert (told.cpus, told.window.seconds, told.runnable, told.runnable_most) == (
        64,
        10,
        448.5,
        512,
    )
    assert (told.shares.steal, told.shares.user, told.blocked) == (0.3, 0.41, 12)
    assert (list(told.load), told.softirq_cpu) == ([450.25, 401.0, 388.5], 3)
    assert (told.softirq_cpu_ratio, told.waiting_ratio) == (0.88, 0.97)
    bare = replace(CPU, shares=None, load=None, busiest=None, waiting_ratio=None)
    told = cpu.answer(bare).cpu
    assert not any(map(told.HasField, ("shares", "softirq_cpu", "waiting_ratio")))
    assert not told.load


def test_metrics() -> None:
    """None of them before two reads."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())
    text = b"".join(pages.pieces(Format.TEXT)).decode()
    assert 'nodewitness_cpu_share_ratio{mode="steal"} 0.3' in text
    assert "nodewitness_cpu_runnable_tasks 448.5" in text
    assert "nodewitness_cpus_online 64.0" in text
    assert "nodewitness_cpu_softirq_busiest_ratio 0.88" in text
    view.cpu_now = None
    assert "nodewitness_cpu" not in b"".join(pages.pieces(Format.TEXT)).decode()
