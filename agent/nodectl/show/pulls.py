"""`nodectl pulls`: a table of blobs, the stalled ones first, and what holds them up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.api.v1 import pulls_pb2 as pb
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, duration, escape, in_line, latency, size, wrapped

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

COLUMNS = ("PHASE", "BLOB", "WRITTEN", "OF", "AGE", "STILL", "STATE")
WIDE = (*COLUMNS, "ON", "DIGEST")
ENDED = ("ENDED", "BLOB", "OUTCOME", "TOOK", "STOOD STILL", "SLOWEST DISK", "LAST STALL")
MAX_ENDED = 5
"""-o wide has all."""
MAX_PODS = 3
STUCK_SECONDS = 2.0
"""A device that ended nothing for so long, and for three requests of the slowest, says more."""


def report(report: pb.PullReport, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    lines: list[str] = []
    who = f"{escape(report.comm)}[{report.pid}]"
    if report.pulls:
        now_ns = report.at.ToNanoseconds()
        rows = [_row(pull, now_ns, wide=wide) for pull in report.pulls]
        lines += [*aligned(rows, WIDE if wide else COLUMNS), ""]
        lines += _network(report, who)
        for disk in report.disks:
            lines += _disk(disk)
        lines += _waiting(report)
    else:
        lines.append(f"{who} pulls no image.")
    shown = list(report.ended) if wide else list(report.ended[:MAX_ENDED])
    if shown:
        lines += ["", *aligned([_ended(report, each) for each in shown], ENDED)]
    return "\n".join(lines)


def _row(pull: pb.Pull, now_ns: int, *, wide: bool) -> tuple[str, ...]:
    state = f"STALLED: {escape(pull.cause)}" if pull.stalled else "ok"
    row = (
        escape(pull.phase),
        _blob(pull),
        size(pull.bytes) if pull.HasField("bytes") else "-",
        size(pull.total_bytes) if pull.HasField("total_bytes") else "?",
        age(pull.begun, now_ns),
        duration(_seconds(pull.still)),
        state if not pull.unread else f"{state} ({escape(pull.unread)})",
    )
    if not wide:
        return row
    return (*row, escape(" on ".join(pull.disks)) or "-", escape(pull.digest) or "?")


def _blob(pull: pb.Pull) -> str:
    digest = pull.digest.rpartition(":")[2][:12] or "?"
    return escape(f"{pull.kind or 'blob'} {digest}")


def _network(report: pb.PullReport, who: str) -> Iterator[str]:
    if report.connections_absent_reason:
        text = f"connections are not known: {escape(report.connections_absent_reason)}"
        yield from wrapped("network  ", text)
    elif not report.connections:
        yield from wrapped("network  ", f"{who} has no connection and makes none")
    for each in report.connections:
        if each.dialling:
            text = f"DIALS {escape(each.remote)}, {each.retransmits} retransmits"
        else:
            told = [
                escape(each.remote),
                f"last data {duration(_seconds(each.since_received))} ago",
                f"{_bytes(each.unread_bytes)} unread",
                f"{each.retransmits} retransmits",
                f"round trip {latency(each.round_trip.ToNanoseconds())}",
            ]
            text = in_line(told)
        yield from wrapped("network  ", text)


def _bytes(count: int) -> str:
    return size(count) if count >= 1 << 10 else f"{count} bytes"


def _disk(disk: pb.PullDisk) -> Iterator[str]:
    told = [f"{escape(disk.device)} ({escape(disk.kind)})"]
    for op in ("read", "write", "flush"):
        if disk.HasField(op):
            took: Duration = getattr(disk, op)
            told.append(f"{op} {latency(took.ToNanoseconds())}")
    told.append(f"{disk.in_flight} in flight")
    if disk.HasField("stuck") and _seconds(disk.stuck) >= 1:
        told.append(f"none ended for {duration(_seconds(disk.stuck))}")
    if disk.suspended:
        told.append("SUSPENDED")
    yield from wrapped("disk     ", in_line(told))


def _waiting(report: pb.PullReport) -> Iterator[str]:
    if report.waiting:
        names = [escape(f"{p.namespace or '?'}/{p.pod or p.pod_uid}") for p in report.waiting]
        more = len(names) - MAX_PODS
        text = ", ".join(names[:MAX_PODS]) + (f" and {more} more" if more > 0 else "")
        verb = "has" if len(names) == 1 else "have"
        yield from wrapped("pods     ", f"{text} {verb} no container yet")


def _ended(report: pb.PullReport, each: pb.EndedPull) -> tuple[str, ...]:
    worst = each.pull.meanwhile
    disk = "-"
    if _seconds(worst.stuck) >= max(STUCK_SECONDS, 3 * _seconds(worst.slowest)):
        disk = f"{escape(worst.stuck_device)} stuck {duration(_seconds(worst.stuck))}"
    elif worst.HasField("slowest"):
        took = latency(worst.slowest.ToNanoseconds())
        disk = f"{escape(worst.slowest_device)} {escape(worst.slowest_op)} {took}"
    seconds = (each.ended.ToNanoseconds() - each.pull.begun.ToNanoseconds()) / 1e9
    return (
        f"{age(each.ended, report.at.ToNanoseconds())} ago",
        _blob(each.pull),
        "GIVEN UP" if each.outcome == "given_up" else escape(each.outcome),
        duration(seconds),
        duration(_seconds(worst.still)),
        disk,
        escape(worst.cause) or "-",
    )


def _seconds(span: Duration) -> float:
    return span.ToMilliseconds() / 1000
