"""agent.serve.pressure and agent.api.pressure."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.pressure import PressureReport
from agent.serve import pressure
from tests.serve.pressure_sample import PRESSURE


def test_answer() -> None:
    """Every field that is known is on the wire; what is not is absent."""
    answer = pressure.answer(PRESSURE).pressure
    memory, _, cpu, *_ = answer.levels
    assert (memory.scope, memory.resource, memory.some.avg10) == ("node", "memory", 18.2)
    assert (memory.full.avg10, memory.some.total.ToMicroseconds()) == (11.5, 8_537_362)
    assert not cpu.HasField("full")
    [current], [last] = answer.current, answer.last
    assert (current.over, last.over) == (False, True)
    assert current.window_stall.ToMicroseconds() == 184_211
    [thrash] = answer.thrashing
    assert (thrash.container, thrash.max_rises, thrash.lasted.seconds) == ("redis", 4_120, 29)
    assert [trigger.armed for trigger in answer.triggers] == [True, False, False, True]


def test_a_thrashing_cgroup_without_names() -> None:
    """What the path tells is told."""
    [thrash] = PRESSURE.thrashing
    bare = replace(PRESSURE, thrashing=(replace(thrash, container=None, pressure=None),))
    [wire] = pressure.answer(bare).pressure.thrashing
    assert (wire.pod, wire.container_id) == ("", "a" * 64)
    assert not wire.HasField("stall")


def test_metrics() -> None:
    """What is unknown or switched off has no series."""
    assert dict(pressure.waiting(PRESSURE))["node", "memory"] == 8.537362
    assert ("node", "cpu") in dict(pressure.waiting(PRESSURE))
    assert ("node", "cpu") not in dict(pressure.stalled(PRESSURE))
    assert dict(pressure.armed(PRESSURE)) == {
        ("node", "memory"): True,
        ("node", "cpu"): False,
        ("kubepods", "memory"): True,
    }
    assert dict(pressure.fired(PRESSURE))["kubepods", "memory"] == 11
    assert dict(pressure.episodes(PRESSURE)) == {
        ("node", "memory"): False,
        ("kubepods", "memory"): True,
    }


def test_nothing_known() -> None:
    absent = PressureReport(boottime_ns=1, wall_ns=1, absent="the kernel keeps no pressure")
    for report in (None, absent):
        for family in (
            pressure.waiting,
            pressure.stalled,
            pressure.armed,
            pressure.fired,
            pressure.episodes,
        ):
            assert not dict(family(report))
    assert pressure.answer(absent).pressure.absent_reason == "the kernel keeps no pressure"
