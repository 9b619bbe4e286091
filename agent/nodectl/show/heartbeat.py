"""`nodectl heartbeat`: a table of connections, the worst first, and who is dialled in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.api.v1 import heartbeat_pb2 as pb
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import duration, escape, size, wrapped

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

COLUMNS = ("WHO", "TO", "STATE", "FOR", "RETRANSMITS", "QUEUED", "ANSWER")
WIDE = (*COLUMNS, "FROM", "RTO", "RTT", "RETRANSMITTED")


def failing(report: pb.HeartbeatReport) -> bool:
    """Whether something has lasted too long."""
    return any(
        any(each.stalled for each in caller.connections)
        or any(each.unreachable for each in caller.failing)
        for caller in report.callers
    )


def report(report: pb.HeartbeatReport, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    if not report.callers:
        return "Neither the kubelet nor the API server runs here."
    rows = [
        _row(caller, each, wide=wide)
        for caller in report.callers
        for each in caller.connections
        if wide or each.trouble or caller.role == "kubelet"
    ]
    lines = aligned(rows, WIDE if wide else COLUMNS) if rows else []
    lines += [""] if lines else []
    for caller in report.callers:
        lines += _about(caller)
    if report.refusals_absent_reason:
        text = f"refused dials are not seen: {escape(report.refusals_absent_reason)}"
        lines += wrapped("note     ", text)
    return "\n".join(lines)


def _row(caller: pb.Caller, each: pb.TcpConnection, *, wide: bool) -> tuple[str, ...]:
    lasts = duration(_seconds(each.trouble_for)) if each.trouble else "-"
    row = (
        _who(caller),
        escape(each.remote),
        f"{'STALLED: ' if each.stalled else ''}{escape(each.trouble)}" if each.trouble else "ok",
        lasts,
        str(each.retransmits),
        size(each.queued_bytes) if each.queued_bytes >= 1 << 10 else str(each.queued_bytes),
        "none yet" if each.dialling else f"{duration(_seconds(each.since_received))} ago",
    )
    if not wide:
        return row
    trip = f"{1000 * _seconds(each.round_trip):.0f}ms"
    timeout = duration(_seconds(each.retransmit_timeout))
    return (*row, escape(each.local), timeout, trip, str(each.total_retransmits))


def _about(caller: pb.Caller) -> Iterator[str]:
    for each in caller.failing:
        lasts = duration(_seconds(each.failing_for))
        how = "REFUSES" if each.refuses else "DOES NOT ANSWER"
        counted = (
            (each.unanswered, "unanswered"),
            (each.refused, "refused"),
            (each.dialling, "in SYN-SENT"),
        )
        counts = ", ".join(f"{count} {what}" for count, what in counted if count)
        text = f"{escape(each.remote)}, which {how}: for {lasts}, {counts}"
        yield from wrapped("dials    ", f"{_who(caller)} dials {text}")
    count = len(caller.connections) + caller.more
    text = f"{_who(caller)} has {count} {'connection' if count == 1 else 'connections'}"
    text += " to the API server" if caller.role == "kubelet" else " that it has made itself"
    stalled = sum(1 for each in caller.connections if each.stalled)
    if caller.absent_reason:
        text = f"connections of {_who(caller)} are not known: {escape(caller.absent_reason)}"
    elif stalled:
        text += f", {stalled} of them stalled"
    yield from wrapped("process  ", text)


def _who(caller: pb.Caller) -> str:
    return f"{escape(caller.comm)}[{caller.pid}]"


def _seconds(span: Duration) -> float:
    return span.ToMilliseconds() / 1000
