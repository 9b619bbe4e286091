"""`nodectl pressure`: levels and triggers in one table, then the episodes, then who thrashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.api.v1 import pressure_pb2 as pb
from agent.nodectl.show.words import age, duration, escape, wrapped

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

LEVELS = (
    *("SCOPE", "RESOURCE", "SOME 10S", "60S", "300S", "FULL 10S", "60S", "300S"),
    "TRIGGER",
)
TOTALS = ("SOME TOTAL", "FULL TOTAL", "FIRED")
EPISODES = ("BEGAN", "LASTED", "SCOPE", "RESOURCE", "STALLED", "10S UP TO")


def report(pressure: pb.PressureReport, now_ns: int, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    lines = []
    if pressure.absent_reason:
        lines += wrapped("absent   ", escape(pressure.absent_reason))
    else:
        lines += _levels(pressure, wide)
    lines += _unarmed(pressure)
    lines += ["", *_episodes(pressure, now_ns)]
    thrashing = list(_thrashing(pressure))
    lines += ["", *thrashing] if thrashing else []
    return "\n".join(lines)


def episode(told: pb.PressureEpisode) -> str:
    """An event's line: who waits for what; or for how long it did."""
    what = f"{escape(told.scope)} {escape(told.resource)}"
    if not told.over:
        stall, window = _seconds(told.window_stall), _seconds(told.window)
        return f"{what}: stalled {stall} of {window}, avg10 {told.avg10:.0f}"
    return (
        f"{what} over: stalled {_seconds(told.stall)} of "
        f"{_lasted(told)}, avg10 <= {told.peak_avg10:.0f}"
    )


def _levels(pressure: pb.PressureReport, wide: bool) -> list[str]:
    triggers = {(t.scope, t.resource): t for t in pressure.triggers}
    rows: list[tuple[str, ...]] = []
    for level in pressure.levels:
        trigger = triggers.get((level.scope, level.resource))
        row: tuple[str, ...] = (
            level.scope,
            level.resource,
            *_averages(level.some),
            *(_averages(level.full) if level.HasField("full") else ("-", "-", "-")),
            _trigger(trigger),
        )
        if wide:
            full = _seconds(level.full.total) if level.HasField("full") else "-"
            fired = "-" if trigger is None else str(trigger.fired)
            row += (_seconds(level.some.total), full, fired)
        rows.append(tuple(map(escape, row)))
    return _table(rows, LEVELS + (TOTALS if wide else ()))


def _averages(stall: pb.PressureStall) -> tuple[str, str, str]:
    return f"{stall.avg10:.2f}", f"{stall.avg60:.2f}", f"{stall.avg300:.2f}"


def _trigger(trigger: pb.PressureTrigger | None) -> str:
    if trigger is None:
        return "-"
    if not trigger.armed:
        return "not armed"
    return f"{_seconds(trigger.stall)} of {_seconds(trigger.window)}"


def _unarmed(pressure: pb.PressureReport) -> Iterator[str]:
    """Why what is not armed is not, or is other than was asked for; each reason once."""
    reasons: dict[str, list[str]] = {}
    for trigger in pressure.triggers:
        if trigger.detail:
            name = f"{trigger.scope} {trigger.resource}"
            reasons.setdefault(trigger.detail, []).append(name)
    for detail, names in reasons.items():
        yield from wrapped("trigger  ", f"{escape(', '.join(names))}: {escape(detail)}")


def _episodes(pressure: pb.PressureReport, now_ns: int) -> list[str]:
    rows: list[tuple[str, ...]] = [
        (
            f"{age(told.started, now_ns)} ago",
            _lasted(told) if told.over else "goes on",
            escape(told.scope),
            escape(told.resource),
            _seconds(told.stall),
            f"{told.peak_avg10:.2f}",
        )
        for told in (*pressure.current, *pressure.last)
    ]
    return _table(rows, EPISODES) if rows else ["No trigger has fired since the agent started."]


def _thrashing(pressure: pb.PressureReport) -> Iterator[str]:
    for thrash in pressure.thrashing:
        pod = f"{thrash.namespace or '?'}/{thrash.pod or thrash.pod_uid or '?'}"
        who = f"{pod} {thrash.container or thrash.container_id[:12]}".rstrip()
        at = "its limit" if thrash.max_rises else "memory.high"
        times = thrash.max_rises or thrash.high_rises
        stalled = f"; stalled {thrash.stall.avg10:.2f} % of 10s" if thrash.HasField("stall") else ""
        yield from wrapped(
            "thrash   ",
            f"{escape(who)}: {times:,} times at {at} in {_seconds(thrash.window)}, nothing killed, "
            f"for {_seconds(thrash.lasted)}{stalled}",
        )


def _lasted(told: pb.PressureEpisode) -> str:
    ns = told.last_fired_boottime_ns - told.started_boottime_ns
    return duration(max(ns, 0) / 1e9)


def _seconds(span: Duration) -> str:
    return duration(span.ToMilliseconds() / 1000)


def _table(rows: list[tuple[str, ...]], header: tuple[str, ...]) -> list[str]:
    import tabulate

    tabulate.MIN_PADDING = 0  # it gives headers two columns more than they need
    text = tabulate.tabulate(rows, header, tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]
