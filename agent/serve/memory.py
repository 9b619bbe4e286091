"""GetMemory, and the metric families of what is left before an eviction."""

from __future__ import annotations

from collections.abc import Callable

from agent.api.memory import memory_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.memory import Headroom, MemoryForm, MemoryReport
from agent.serve.row import Samples, gauge

EATERS = 10


def answer(request: pb.GetMemoryRequest, report: MemoryReport) -> pb.GetMemoryResponse:
    """GetMemory's answer."""
    return pb.GetMemoryResponse(memory=memory_to_wire(report, request.eaters or EATERS))


def available(report: MemoryReport | None) -> Samples:
    """What is left, by signal, in its own unit."""
    return _of_signals(report, lambda h: None if h.room is None else h.room.available)


def capacity(report: MemoryReport | None) -> Samples:
    """What there is, by signal."""
    return _of_signals(report, lambda h: None if h.room is None else h.room.capacity)


def thresholds(report: MemoryReport | None) -> Samples:
    """The thresholds by signal and kind."""
    return _of_thresholds(report, lambda headroom: headroom.amount)


def crossed(report: MemoryReport | None) -> Samples:
    """Whether each threshold is crossed now."""
    return _of_thresholds(report, lambda h: None if h.room is None else h.crossed)


def time_left(report: MemoryReport | None) -> Samples:
    """Seconds until each threshold is crossed, where a line tells."""
    return _of_thresholds(report, lambda headroom: headroom.seconds_left)


def memory_available(report: MemoryReport | None) -> Samples:
    """memory.available in each form."""
    if report is None or report.root is None:
        return
    for form in MemoryForm:
        value = report.root.available(form)
        if value is not None:
            yield (form.value, str(_chosen(report, form)).lower()), value


def _chosen(report: MemoryReport, form: MemoryForm) -> bool:
    return report.choice is not None and report.choice.form is form


def _of_signals(report: MemoryReport | None, value: Callable[[Headroom], float | None]) -> Samples:
    if report is None:
        return {}.items()
    found = {
        (h.signal.value,): number for h in report.headrooms if (number := value(h)) is not None
    }
    return found.items()


def _of_thresholds(
    report: MemoryReport | None, value: Callable[[Headroom], float | None]
) -> Samples:
    for headroom in () if report is None else report.headrooms:
        number = value(headroom)
        if headroom.threshold is not None and number is not None:
            kind = "hard" if headroom.threshold.hard else "soft"
            yield (headroom.signal.value, kind), number


ROWS = (
    gauge(
        "eviction_available",
        "What is left of each eviction signal of the kubelet, in bytes, inodes or tasks.",
        lambda s: available(s.memory),
        labels=("signal",),
    ),
    gauge(
        "eviction_capacity",
        "What there is of each eviction signal.",
        lambda s: capacity(s.memory),
        labels=("signal",),
    ),
    gauge(
        "eviction_threshold",
        "The kubelet evicts while less than this is left.",
        lambda s: thresholds(s.memory),
        labels=("signal", "threshold"),
    ),
    gauge(
        "eviction_threshold_crossed",
        "Whether less is left than the threshold, now.",
        lambda s: crossed(s.memory),
        labels=("signal", "threshold"),
    ),
    gauge(
        "eviction_time_left_seconds",
        "Time until the threshold is crossed if all goes on so; absent where no line fits.",
        lambda s: time_left(s.memory),
        labels=("signal", "threshold"),
    ),
    gauge(
        "memory_available_bytes",
        "memory.available in each form that kubelets compute it in; chosen is this kubelet's.",
        lambda s: memory_available(s.memory),
        labels=("form", "chosen"),
    ),
)
