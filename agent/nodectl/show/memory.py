"""`nodectl memory`: the kubelet's number, each signal against its thresholds, and who grows."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.v1 import memory_pb2 as pb
from agent.nodectl.show.words import age, duration, escape, size, wrapped

NARROW = ("SIGNAL", "AVAILABLE", "OF", "KIND", "THRESHOLD", "LEFT", "TREND", "TIME LEFT")
WIDE = (*NARROW, "FIT", "CROSSED", "FROM", "WHERE")
EATERS = ("GROWN 1M", "GROWN 5M", "NOW", "NAMESPACE", "POD", "CONTAINER")


def report(memory: pb.MemoryReport, now_ns: int, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    lines = list(_node(memory))
    lines += [
        "",
        *_table([_row(h, now_ns, wide) for h in memory.headrooms], WIDE if wide else NARROW),
    ]
    lines += ["", *_from(memory)]
    lines += ["", *_eaters(memory)]
    return "\n".join(lines)


def _node(memory: pb.MemoryReport) -> Iterator[str]:
    node = memory.node
    if not memory.HasField("node"):
        yield "memory   not known: the root cgroup cannot be read, see `nodectl status`"
        return
    for form in sorted(node.forms, key=lambda form: form.form != node.form):
        chosen = form.form == node.form
        text = (
            f"{size(form.available)} of {size(node.total)} available: usage {size(form.usage)} "
            f"({form.form}) - {size(node.inactive_file)} inactive_file"
        )
        yield from wrapped("kubelet  " if chosen else "other    ", text)
        if chosen:
            yield from wrapped("         ", escape(node.reason))


def _row(headroom: pb.Headroom, now_ns: int, wide: bool) -> tuple[str, ...]:
    threshold = headroom.threshold
    known = headroom.HasField("available")
    row = (
        headroom.signal,
        _amount(headroom, headroom.available) if known else "?",
        _amount(headroom, headroom.capacity) if known else "?",
        *_threshold(headroom),
        _signed(headroom, headroom.headroom) if headroom.HasField("headroom") else "-",
        _trend(headroom),
        _time_left(headroom),
    )
    if not wide:
        return row
    return (
        *row,
        f"{headroom.trend.fit:.2f}" if headroom.HasField("trend") else "-",
        age(headroom.crossed_since, now_ns) + " ago" if headroom.HasField("crossed_since") else "-",
        escape(threshold.source) or "-",
        escape(headroom.path if known else headroom.absent_reason) or "-",
    )


def _threshold(headroom: pb.Headroom) -> tuple[str, str]:
    if not headroom.HasField("threshold"):
        return "-", "none"
    threshold = headroom.threshold
    kind = "hard" if threshold.hard else "soft"
    if threshold.HasField("grace"):
        kind += f" {duration(threshold.grace.ToMilliseconds() / 1000)}"
    text = escape(threshold.text)
    if text.endswith("%") and threshold.HasField("amount"):
        text = f"{_amount(headroom, threshold.amount)} ({text})"
    return kind, text


def _time_left(headroom: pb.Headroom) -> str:
    if headroom.HasField("crossed_since"):
        return "CROSSED"
    if not headroom.HasField("time_left"):
        return "-"
    return duration(headroom.time_left.ToMilliseconds() / 1000)


def _trend(headroom: pb.Headroom) -> str:
    if not headroom.HasField("trend"):
        return "-"
    per_minute = round(headroom.trend.per_second * 60)
    return f"{_signed(headroom, per_minute)}/min" if per_minute else "0"


def _amount(headroom: pb.Headroom, value: int) -> str:
    return size(value) if headroom.bytes else f"{value:,}"


def _signed(headroom: pb.Headroom, value: int) -> str:
    return ("-" if value < 0 else "") + _amount(headroom, abs(value))


def _from(memory: pb.MemoryReport) -> Iterator[str]:
    """Where the thresholds come from, and what could not be read."""
    sources: dict[str, list[str]] = {}
    for headroom in memory.headrooms:
        if headroom.HasField("threshold"):
            signals = sources.setdefault(headroom.threshold.source, [])
            if headroom.signal not in signals:
                signals.append(headroom.signal)
    for source, signals in sources.items():
        yield from wrapped("from     ", f"{escape(source)}: {', '.join(signals)}")
    for headroom in memory.headrooms:
        if not headroom.HasField("available"):
            yield from wrapped("absent   ", f"{headroom.signal}: {escape(headroom.absent_reason)}")
    for problem in memory.kubelet.problems:
        yield from wrapped("problem  ", escape(problem))


def _eaters(memory: pb.MemoryReport) -> Iterator[str]:
    if not memory.eaters:
        yield "Nobody's working set grew in the last five minutes."
        return
    yield from _table([_eater(eater) for eater in memory.eaters], EATERS)


def _eater(eater: pb.Eater) -> tuple[str, ...]:
    figures = (_grown(eater.grown_1m), _grown(eater.grown_5m), size(eater.working_set))
    if eater.unit:
        return (*figures, "-", escape(eater.unit), "-")
    return (
        *figures,
        escape(eater.namespace) or "?",
        escape(eater.pod or eater.pod_uid) or "?",
        escape(eater.container or eater.container_id[:12]) or "?",
    )


def _grown(change: int) -> str:
    return ("-" if change < 0 else "+") + size(abs(change))


def _table(rows: list[tuple[str, ...]], header: tuple[str, ...]) -> list[str]:
    import tabulate

    tabulate.MIN_PADDING = 0  # it gives headers two columns more than they need
    text = tabulate.tabulate(rows, header, tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]
