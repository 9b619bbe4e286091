"""The container runtime on the wire: agent.model.runtime and runtime.proto."""

from __future__ import annotations

from agent.api.v1 import runtime_pb2 as pb
from agent.api.wire import EnumTable, duration, text, timestamp
from agent.model.afterlife import Task
from agent.model.creation import Creation, CreationStep
from agent.model.runtime import (
    DaemonProcess,
    FormerDaemon,
    RungState,
    RuntimeReport,
    Shim,
    SocketQueues,
    Step,
)

RUNG_STATE = EnumTable(
    {
        RungState.UNTRIED: pb.RUNG_STATE_UNTRIED,
        RungState.OK: pb.RUNG_STATE_OK,
        RungState.SILENT: pb.RUNG_STATE_SILENT,
        RungState.FAILED: pb.RUNG_STATE_FAILED,
    },
    foreign=None,
)

CREATION_STEP = EnumTable(
    {
        CreationStep.PENDING: pb.CREATION_STEP_PENDING,
        CreationStep.NETWORK: pb.CREATION_STEP_NETWORK,
        CreationStep.SANDBOX: pb.CREATION_STEP_SANDBOX,
        CreationStep.IMAGE: pb.CREATION_STEP_IMAGE,
        CreationStep.CREATED: pb.CREATION_STEP_CREATED,
        CreationStep.INIT: pb.CREATION_STEP_INIT,
    },
    foreign=None,
)


def runtime_to_wire(report: RuntimeReport) -> pb.RuntimeReport:
    """A message of the caller's own."""
    offset_ns = report.wall_ns - report.boottime_ns
    process, former = report.process, report.former
    return pb.RuntimeReport(
        at=timestamp(report.wall_ns),
        socket=text(report.socket),
        steps=map(_step, report.steps),
        absent_reason=text(report.absent),
        name=text(report.name),
        version=text(report.version),
        conditions=[
            pb.RuntimeCondition(type=text(name), status=status, message=text(message))
            for name, (status, message) in report.conditions.items()
        ],
        sandboxes=report.sandboxes,
        queues=None if report.queues is None else _queues(report.queues),
        queues_absent_reason=text(report.queues_absent),
        process=None if process is None else process_to_wire(process, offset_ns),
        former=None if former is None else former_to_wire(former, offset_ns),
        restarts=report.restarts,
        shims=[_shim(shim, offset_ns) for shim in report.shims or ()],
        shims_known=report.shims is not None,
        blocked_known=report.blocked_known,
        creations=[_creation(each, offset_ns) for each in report.creations],
        creation_stalled_after=duration(report.creation_stalled_after_seconds),
    )


def _step(step: Step) -> pb.RuntimeStep:
    return pb.RuntimeStep(
        rung=step.rung.value,
        state=RUNG_STATE.to_wire(step.state),
        deadline=duration(step.deadline_seconds),
        took=None if step.seconds is None else duration(step.seconds),
        detail=text(step.detail),
        answers=step.latency.count,
        answers_took=duration(step.latency.total_seconds),
        silences=step.silences,
        failures=step.failures,
    )


def _queues(queues: SocketQueues) -> pb.SocketQueues:
    return pb.SocketQueues(
        pending=queues.pending,
        backlog=queues.backlog,
        connections=queues.connections,
        unread_connections=queues.unread_connections,
        unread_bytes=queues.unread_bytes,
    )


def process_to_wire(process: DaemonProcess, offset_ns: int) -> pb.RuntimeProcess:
    """A daemon as it is; `offset_ns` is wall time minus boot time."""
    delay = process.blkio_delay_seconds
    return pb.RuntimeProcess(
        pid=process.key.pid,
        comm=text(process.comm),
        started=timestamp(process.key.start_boottime_ns + offset_ns),
        state=process.state,
        threads=process.threads,
        resident_bytes=process.resident_bytes,
        blocked=[_thread(task, offset_ns) for task in process.blocked],
        blkio_delay=None if delay is None else duration(delay),
        unit=text(process.unit),
    )


def former_to_wire(former: FormerDaemon, offset_ns: int) -> pb.FormerRuntime:
    """The daemon before it."""
    return pb.FormerRuntime(
        pid=former.key.pid,
        comm=text(former.comm),
        missed=timestamp(former.seen_boottime_ns + offset_ns),
        signal=former.signal,
        exit_code=former.exit_code,
        oom_killed=former.oom_killed,
        killer=text(former.killer),
    )


def _shim(shim: Shim, offset_ns: int) -> pb.Shim:
    return pb.Shim(
        pid=shim.key.pid,
        started=timestamp(shim.key.start_boottime_ns + offset_ns),
        state=shim.state,
        namespace=text(shim.namespace),
        sandbox_id=text(shim.sandbox_id),
        orphan=shim.orphan,
        unread=text(shim.unread),
        pod_namespace="" if shim.pod is None else text(shim.pod.namespace),
        pod="" if shim.pod is None else text(shim.pod.pod),
        pod_uid="" if shim.pod is None else text(shim.pod.pod_uid),
        blocked=[_thread(task, offset_ns) for task in shim.blocked],
    )


def _thread(task: Task, offset_ns: int) -> pb.RuntimeThread:
    since = task.since_boottime_ns
    return pb.RuntimeThread(
        tid=task.tid,
        comm=text(task.comm),
        state=task.state,
        wchan=text(task.wchan),
        since=None if since is None else timestamp(since + offset_ns),
    )


def _creation(creation: Creation, offset_ns: int) -> pb.Creation:
    names = creation.names
    return pb.Creation(
        step=CREATION_STEP.to_wire(creation.step),
        sandbox=creation.sandbox,
        namespace=text(names.namespace),
        pod=text(names.pod),
        pod_uid=text(names.pod_uid),
        container=text(names.name),
        id=text(names.id),
        since=timestamp(creation.since_boottime_ns + offset_ns),
        begun=timestamp(creation.begun_boottime_ns + offset_ns),
        pid=creation.pid or 0,
        comm=text(creation.comm),
        state=text(creation.state),
        wchan=text(creation.wchan),
    )
