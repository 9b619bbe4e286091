"""What the two detectors of evictions have in common: a headroom in words, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator

from agent.model.condition import Evidence
from agent.model.memory import Eater, FormChoice, Headroom, MemoryReport, RootMemory, Signal

REASONS = {
    Signal.MEMORY: "Memory",
    Signal.ALLOCATABLE_MEMORY: "AllocatableMemory",
    Signal.NODEFS: "NodeFs",
    Signal.NODEFS_INODES: "NodeFsInodes",
    Signal.IMAGEFS: "ImageFs",
    Signal.IMAGEFS_INODES: "ImageFsInodes",
    Signal.PID: "Pids",
}
_MEMORY = (Signal.MEMORY, Signal.ALLOCATABLE_MEMORY)
_UNITS = ((1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def amount(signal: Signal, value: int) -> str:
    """ "612Mi", or "9120" of what is no bytes."""
    if not signal.counts_bytes:
        return str(value)
    for unit, suffix in _UNITS:
        if abs(value) >= unit:
            shown = value / unit
            return (
                f"{shown:.0f}{suffix}"
                if abs(shown) >= 100 or shown == int(shown)
                else f"{shown:.1f}{suffix}"
            )
    return f"{value}B"


def against(headroom: Headroom) -> str:
    """ "memory.available 612Mi, hard threshold 500Mi"."""
    signal, threshold = headroom.signal, headroom.threshold
    kind = "hard" if threshold is None or threshold.hard else "soft"
    if headroom.room is None or headroom.amount is None:
        text = "" if threshold is None else threshold.text
        return f"{signal.value} cannot be read ({headroom.absent}), {kind} threshold {text}"
    return (
        f"{signal.value} {amount(signal, headroom.room.available)}, "
        f"{kind} threshold {amount(signal, headroom.amount)}"
    )


def eaten_by(report: MemoryReport, headroom: Headroom) -> str:
    """ "; eaten by production/order-processor app (+1.9Gi in 5 min)", of memory only."""
    if headroom.signal not in _MEMORY or not report.eaters:
        return ""
    top = report.eaters[0]
    if max(top.grown_1m, top.grown_5m) <= 0:
        return ""
    return f"; eaten by {eater_name(top)} ({_growth(top)})"


def eater_name(eater: Eater) -> str:
    """Namespace, pod and container; else the unit."""
    names = eater.container
    if names is None:
        return eater.unit
    pod = f"{names.namespace}/{names.pod}" if names.pod else f"pod {names.pod_uid or '?'}"
    return f"{pod} {names.name or names.id[:12]}".rstrip()


def evidence(report: MemoryReport, headroom: Headroom) -> tuple[Evidence, ...]:
    """The threshold and where it is from, the figures, and who grows."""
    return tuple(_evidence(report, headroom))


def _evidence(report: MemoryReport, headroom: Headroom) -> Iterator[Evidence]:
    signal, threshold, room = headroom.signal, headroom.threshold, headroom.room
    if room is not None:
        where = headroom.where and f"statfs {headroom.where}"
        source = where or ("/proc/loadavg" if signal is Signal.PID else "memory.stat")
        yield Evidence(
            what=signal.value,
            value=f"{room.available} of {room.capacity}",
            source=source,
        )
    if threshold is not None and headroom.amount is not None:
        kind = "evictionHard" if threshold.hard else "evictionSoft"
        yield Evidence(
            what=kind, value=f"{threshold.text} = {headroom.amount}", source=threshold.source
        )
    if signal is Signal.MEMORY and report.root is not None and report.choice is not None:
        yield from _root(report.root, report.choice)
    if headroom.trend is not None:
        line = headroom.trend
        per_second = amount(signal, round(line.per_second))
        yield Evidence(
            what="trend",
            value=f"{per_second}/s over {line.window_seconds:.0f} s, fit {line.fit:.2f}",
            source="our own samples",
        )
    if signal in _MEMORY:
        for eater in report.eaters[:3]:
            yield Evidence(
                what="grown",
                value=f"{eater_name(eater)} {_growth(eater)}, now {eater.working_set}",
                source="memory.current - inactive_file",
            )


def _root(root: RootMemory, choice: FormChoice) -> Iterator[Evidence]:
    yield Evidence(
        what="working set",
        value=f"{choice.form.value} - inactive_file = {root.working_set(choice.form)}; "
        f"{choice.reason}",
        source="/proc/meminfo, memory.stat of the root",
    )


def _growth(eater: Eater) -> str:
    grown, minutes = max((eater.grown_5m, 5), (eater.grown_1m, 1))
    return f"+{amount(Signal.MEMORY, grown)} in {minutes} min"
