"""Block devices and blocked tasks on the wire: agent.model.disks, agent.model.blocked, io.proto."""

from __future__ import annotations

from collections.abc import Iterable

from agent.api.oom import container_to_wire
from agent.api.v1 import io_pb2 as pb
from agent.api.wire import duration, text, timestamp
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.disks import DiskReport, DiskState, DiskUser, Etcd, Op, OpRate
from agent.model.faults import FaultSum


def disks_to_wire(report: DiskReport, said: Iterable[FaultSum] = ()) -> pb.DiskReport:
    """A message of the caller's own."""
    return pb.DiskReport(
        at=timestamp(report.wall_ns),
        stalled_after=duration(report.stalled_after_seconds),
        disks=[_disk(report, state) for state in report.disks],
        etcd=map(_etcd, report.etcd),
        said=[_fault(each, report.wall_ns - report.boottime_ns) for each in said],
    )


def _fault(each: FaultSum, wall_offset_ns: int) -> pb.KernelFault:
    last = each.last
    return pb.KernelFault(
        kind=last.kind.value,
        device=text(last.device),
        comm=text(last.comm),
        pid=last.pid or 0,
        hung=None if last.seconds is None else duration(last.seconds),
        count=each.count,
        first=timestamp(each.first_boottime_ns + wall_offset_ns),
        last=timestamp(each.last_boottime_ns + wall_offset_ns),
        text=text(last.text),
    )


def _etcd(etcd: Etcd) -> pb.Etcd:
    process, slowest = etcd.process, etcd.slowest
    return pb.Etcd(
        pid=process.pid,
        container=None if etcd.names is None else container_to_wire(etcd.names),
        unit=text(etcd.unit),
        directory=text(process.directory),
        devices=[text(state.disk.name) for state in etcd.chain],
        absent_reason=text(process.absent),
        slowest_device="" if slowest is None else text(slowest[0].disk.name),
        slowest_op="" if slowest is None else slowest[1].value,
        slowest=None if slowest is None else duration(slowest[2]),
        waiting_ratio=etcd.waiting_ratio,
    )


def _disk(report: DiskReport, state: DiskState) -> pb.Disk:
    disk = state.disk
    stuck = report.stuck_seconds(state)
    return pb.Disk(
        id=disk.id,
        name=text(disk.name),
        kind=disk.kind.value,
        label=text(disk.label),
        beneath=map(text, disk.beneath),
        mounts=map(text, disk.mounts),
        in_flight=state.in_flight,
        suspended=state.suspended,
        stuck=None if state.stuck_since_boottime_ns is None else duration(stuck),
        stalled=stuck >= report.stalled_after_seconds,
        window=duration(state.window_seconds),
        rates=[_rate(op, rate) for op, rate in state.rates.items()],
        busy_ratio=state.busy_ratio,
        queue=state.queue,
        users=map(_user, state.users),
    )


def _rate(op: Op, rate: OpRate) -> pb.DiskRate:
    return pb.DiskRate(
        op=op.value,
        per_second=rate.per_second,
        bytes_per_second=rate.bytes_per_second,
        latency=None if rate.latency_seconds is None else duration(rate.latency_seconds),
    )


def _user(user: DiskUser) -> pb.DiskUser:
    return pb.DiskUser(
        container=None if user.names is None else container_to_wire(user.names),
        unit=text(user.unit),
        read_bytes_per_second=user.read_bytes_per_second,
        written_bytes_per_second=user.written_bytes_per_second,
    )


def blocked_to_wire(
    report: BlockedReport, tasks: Iterable[BlockedTask], said: Iterable[FaultSum] = ()
) -> pb.BlockedReport:
    """A message of the caller's own, with these of its tasks."""
    return pb.BlockedReport(
        at=timestamp(report.wall_ns),
        blocked_after=duration(report.blocked_after_seconds),
        tasks=[_task(report, task) for task in tasks],
        more=report.more,
        looked_at=report.looked_at,
        look_took=duration(report.look_seconds),
        said=[_fault(each, report.wall_ns - report.boottime_ns) for each in said],
        io_delay_absent_reason=text(report.io_delay_absent),
    )


def _task(report: BlockedReport, blocked: BlockedTask) -> pb.BlockedTask:
    task, delay = blocked.task, blocked.io_delay_seconds
    return pb.BlockedTask(
        pid=task.pid,
        tid=task.tid,
        comm=text(task.comm),
        wchan=text(task.wchan),
        stack=map(text, task.stack),
        stack_absent_reason=text(task.unread),
        blocked=duration(report.seconds(blocked)),
        kernel=blocked.kernel,
        container=None if blocked.names is None else container_to_wire(blocked.names),
        unit=text(blocked.unit),
        cgroup=text(blocked.cgroup),
        io_delay=None if delay is None else duration(delay),
    )
