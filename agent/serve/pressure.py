"""GetPressure, and the metric families of pressure."""

from __future__ import annotations

from agent.api.pressure import pressure_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.pressure import PressureReport
from agent.serve.row import Samples, counter, gauge


def answer(report: PressureReport) -> pb.GetPressureResponse:
    """GetPressure's answer."""
    return pb.GetPressureResponse(pressure=pressure_to_wire(report))


def waiting(report: PressureReport | None) -> Samples:
    """Seconds in which some task waited, by scope and resource."""
    for level in () if report is None else report.levels:
        yield (level.scope.value, level.resource.value), level.pressure.some_us / 1e6


def stalled(report: PressureReport | None) -> Samples:
    """Seconds in which all waited, where the kernel tells."""
    for level in () if report is None else report.levels:
        if level.pressure.full_us is not None:
            yield (level.scope.value, level.resource.value), level.pressure.full_us / 1e6


def armed(report: PressureReport | None) -> Samples:
    """Whether each trigger is armed, of those that are wanted."""
    for trigger in () if report is None else report.triggers:
        if trigger.stall_us:
            yield (trigger.scope.value, trigger.resource.value), trigger.armed


def fired(report: PressureReport | None) -> Samples:
    """How often each trigger fired."""
    for trigger in () if report is None else report.triggers:
        if trigger.stall_us:
            yield (trigger.scope.value, trigger.resource.value), trigger.fired


def episodes(report: PressureReport | None) -> Samples:
    """Whether an episode goes on, for each trigger that is armed."""
    if report is None:
        return
    current = {(episode.scope, episode.resource) for episode in report.current}
    for trigger in report.triggers:
        if trigger.armed:
            key = (trigger.scope, trigger.resource)
            yield (trigger.scope.value, trigger.resource.value), key in current


ROWS = (
    counter(
        "pressure_waiting_seconds",
        "Time in which some task waited for the resource, as node_exporter's "
        "node_pressure_*_waiting_seconds_total.",
        lambda s: waiting(s.pressure),
        labels=("scope", "resource"),
    ),
    counter(
        "pressure_stalled_seconds",
        "Time in which all tasks that had work waited for the resource, as node_exporter's "
        "node_pressure_*_stalled_seconds_total.",
        lambda s: stalled(s.pressure),
        labels=("scope", "resource"),
    ),
    gauge(
        "pressure_trigger_armed",
        "Whether the kernel wakes the agent when tasks stall; absent where it is switched off.",
        lambda s: armed(s.pressure),
        labels=("scope", "resource"),
    ),
    counter(
        "pressure_trigger_fired",
        "Windows in which tasks stalled for longer than pressure.memory, io or cpu.",
        lambda s: fired(s.pressure),
        labels=("scope", "resource"),
    ),
    gauge(
        "pressure_episode",
        "Whether an episode of pressure goes on.",
        lambda s: episodes(s.pressure),
        labels=("scope", "resource"),
    ),
)
