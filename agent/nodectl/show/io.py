"""`nodectl io` and `nodectl blocked`: a table each, the worst first, and what is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from agent.api.v1 import io_pb2 as pb
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, duration, escape, latency, size, wrapped

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

DISKS = ("DEVICE", "KIND", "READ", "WRITE", "FLUSH", "IN FLIGHT", "BUSY", "STATE")
DISKS_WIDE = (*DISKS, "READ/S", "WRITTEN/S", "QUEUE", "NUMBER")
TASKS = ("FOR", "TASK", "WHERE", "OF")
TASKS_WIDE = (*TASKS, "IO DELAY", "PID", "CGROUP")
MAX_ROWS = 40
"""Tasks; -o wide has all."""
MAX_USERS = 3
MAX_SAID = 6
"""Devices or tasks that the kernel's log speaks of; -o wide has all."""


def devices(report: pb.DiskReport, *, wide: bool = False) -> str:
    """The whole answer; names are escaped. Loop devices that are well are in -o wide alone."""
    disks = sorted(report.disks, key=lambda disk: (not disk.stalled, escape(disk.name)))
    shown = [d for d in disks if wide or d.kind != "loop" or d.stalled or d.mounts]
    said = list(_said(report.said, report.at.ToNanoseconds(), wide=wide))
    if not shown:
        return "\n".join(("No block device has been asked for anything.", *said))
    lines = aligned([_disk(disk, wide=wide) for disk in shown], DISKS_WIDE if wide else DISKS)
    lines.append("")
    for disk in shown:
        lines += _about(disk)
    for etcd in report.etcd:
        lines += _etcd(etcd)
    return "\n".join([*lines, *said]).rstrip()


def _said(faults: Sequence[pb.KernelFault], now_ns: int, *, wide: bool) -> Iterator[str]:
    """What the kernel's log says, the newest first."""
    shown = faults if wide else faults[:MAX_SAID]
    for fault in shown:
        often = ""
        if fault.count > 1:
            often = f", {fault.count} times in {age(fault.first, fault.last.ToNanoseconds())}"
        when = f"{age(fault.last, now_ns)} ago{often}"
        yield from wrapped("kernel   ", f"{when}: {escape(fault.text)}")
    if len(faults) > len(shown):
        yield f"kernel   and {len(faults) - len(shown)} more lines of others"


def _disk(disk: pb.Disk, *, wide: bool) -> tuple[str, ...]:
    rates = {rate.op: rate for rate in disk.rates}
    row = (
        escape(disk.name),
        escape(disk.kind),
        *(_latency(rates.get(op)) for op in ("read", "write", "flush")),
        str(disk.in_flight),
        f"{100 * disk.busy_ratio:.0f}%",
        _state(disk),
    )
    if not wide:
        return row
    bytes_ = (_bytes(rates.get("read")), _bytes(rates.get("write")))
    return (*row, *bytes_, f"{disk.queue:.1f}", escape(disk.id))


def _latency(rate: pb.DiskRate | None) -> str:
    if rate is None or not rate.HasField("latency"):
        return "-"
    return latency(rate.latency.ToNanoseconds())


def _bytes(rate: pb.DiskRate | None) -> str:
    return "-" if rate is None else size(int(rate.bytes_per_second))


def _state(disk: pb.Disk) -> str:
    if not disk.HasField("stuck"):
        return "ok"
    since = duration(disk.stuck.ToMilliseconds() / 1000)
    if disk.suspended:
        return f"{'STALLED: ' if disk.stalled else ''}suspended for {since}"
    return f"STALLED for {since}" if disk.stalled else "ok"


def _about(disk: pb.Disk) -> Iterator[str]:
    """What it is and who uses it, if there is anything to say."""
    told = []
    if disk.label:
        told.append(escape(disk.label))
    if disk.beneath:
        told.append(f"on {escape(', '.join(disk.beneath))}")
    if disk.mounts:
        told.append(f"at {escape(', '.join(disk.mounts))}")
    users = list(dict.fromkeys(map(_user, disk.users)))
    if users:
        told.append(f"used by {', '.join(users[:MAX_USERS])}")
    if told:
        yield from wrapped(f"{escape(disk.name):8} ", "; ".join(told))


def _etcd(etcd: pb.Etcd) -> Iterator[str]:
    text = f"etcd[{etcd.pid}] syncs {escape(etcd.directory)}"
    if etcd.devices:
        text += f" on {escape(', '.join(etcd.devices))}"
    if etcd.HasField("slowest"):
        took = latency(etcd.slowest.ToNanoseconds())
        text += f": a {escape(etcd.slowest_op)} takes {took} on {escape(etcd.slowest_device)}"
    elif etcd.absent_reason:
        text += f": {escape(etcd.absent_reason)}"
    if etcd.HasField("waiting_ratio"):
        text += f"; it waits for a disk {100 * etcd.waiting_ratio:.0f}% of the time"
    yield from wrapped("etcd     ", text)


def _user(user: pb.DiskUser) -> str:
    if user.HasField("container") and (user.container.pod or user.container.pod_uid):
        name = user.container.pod or user.container.pod_uid
        return f"{escape(user.container.namespace) or '?'}/{escape(name)}"
    return escape(user.unit) or "?"


def stuck(report: pb.BlockedReport) -> list[pb.BlockedTask]:
    """Those that wait for too long, the kernel's own left out."""
    limit = report.blocked_after.ToNanoseconds()
    return [t for t in report.tasks if not t.kernel and t.blocked.ToNanoseconds() >= limit]


def tasks(report: pb.BlockedReport, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    looked = f"{report.looked_at:,} tasks looked at in {duration(_seconds(report.look_took))}"
    said = list(_said(report.said, report.at.ToNanoseconds(), wide=wide))
    if not report.tasks:
        return "\n".join((f"No task that was asked for is in state D: {looked}.", *said))
    late = len(stuck(report))
    after = duration(_seconds(report.blocked_after))
    found = len(report.tasks) + report.more
    lines = wrapped("blocked  ", f"{late} of {found} in state D have waited for {after} or longer")
    lines.append("")
    shown = list(report.tasks) if wide else list(report.tasks[:MAX_ROWS])
    lines += aligned([_task(task, wide=wide) for task in shown], TASKS_WIDE if wide else TASKS)
    more = found - len(shown)
    if more:
        lines.append(f"and {more} more")
    if wide and report.io_delay_absent_reason:
        lines += ["", *wrapped("io delay ", escape(report.io_delay_absent_reason))]
    stacks = [line for task in shown for line in _stack(task)]
    lines += ["", *stacks] if stacks else []
    lines += ["", *said] if said else []
    return "\n".join([*lines, "", looked])


def _task(task: pb.BlockedTask, *, wide: bool) -> tuple[str, ...]:
    row = (
        duration(_seconds(task.blocked)),
        f"{escape(task.comm)}[{task.tid}]",
        escape(task.wchan) or "?",
        _owner(task),
    )
    if not wide:
        return row
    delay = duration(_seconds(task.io_delay)) if task.HasField("io_delay") else "-"
    return (*row, delay, str(task.pid), escape(task.cgroup) or "-")


def _owner(task: pb.BlockedTask) -> str:
    if task.kernel:
        return "the kernel"
    if task.HasField("container") and (task.container.pod or task.container.pod_uid):
        name = task.container.pod or task.container.pod_uid
        pod = f"{task.container.namespace or '?'}/{name} {task.container.name}".rstrip()
        return escape(pod)
    return escape(task.unit) or "-"


def _stack(task: pb.BlockedTask) -> list[str]:
    if not task.stack and not task.stack_absent_reason:
        return []
    frames = " < ".join(task.stack) or task.stack_absent_reason
    return wrapped("stack    ", f"{escape(task.comm)}[{task.tid}]: {escape(frames)}")


def _seconds(span: Duration) -> float:
    return span.ToMilliseconds() / 1000
