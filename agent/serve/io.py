"""Block devices and blocked tasks: the answers of ListDevices and ListBlockedTasks, and metrics."""

from __future__ import annotations

from collections.abc import Iterable

from agent.api.io import blocked_to_wire, disks_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.disks import DiskReport
from agent.model.faults import WITHOUT_DEVICE, FaultReport
from agent.model.source import SourceHealth, SourceState
from agent.serve.row import Samples, counter, gauge


def devices(report: DiskReport, faults: FaultReport) -> pb.ListDevicesResponse:
    """All of them, and what the kernel's log says of any."""
    return pb.ListDevicesResponse(io=disks_to_wire(report, faults.of_disks()))


def blocked(
    request: pb.ListBlockedTasksRequest, report: BlockedReport, faults: FaultReport
) -> pb.ListBlockedTasksResponse:
    """Those that match every filter. Of the kernel's log all while there is none, else what it says
    of these.
    """
    tasks = [task for task in report.tasks if _of(task, request.namespace, request.pod)]
    said = faults.of_tasks()
    if request.namespace or request.pod:
        tids = {task.task.tid for task in tasks}
        said = tuple(each for each in said if each.last.pid in tids)
    return pb.ListBlockedTasksResponse(blocked=blocked_to_wire(report, tasks, said))


def _of(blocked: BlockedTask, namespace: str, pod: str) -> bool:
    names = blocked.names
    if names is None:
        return not namespace and not pod
    return (not namespace or namespace == names.namespace) and (
        not pod or pod in (names.pod, names.pod_uid)
    )


def stalled(report: DiskReport | None) -> Samples:
    """Whether a device ends no request."""
    if report is not None:
        for state in report.disks:
            late = report.stuck_seconds(state) >= report.stalled_after_seconds
            yield (state.disk.name,), late


def latencies(report: DiskReport | None) -> Samples:
    """How long requests take, where some have ended."""
    for state in () if report is None else report.disks:
        for op, rate in state.rates.items():
            if rate.latency_seconds is not None:
                yield (state.disk.name, op.value), rate.latency_seconds


def etcd(report: DiskReport | None) -> Samples:
    """The slower of writes and flushes of etcd's disk, where there were some."""
    for each in () if report is None else report.etcd:
        slowest = each.slowest
        if slowest is not None:
            yield (slowest[0].disk.name, slowest[1].value), slowest[2]


def in_flight(report: DiskReport | None) -> Samples:
    """Requests that have not ended."""
    for state in () if report is None else report.disks:
        yield (state.disk.name,), state.in_flight


def tasks(report: BlockedReport | None) -> Samples:
    """Tasks in state D, and those that have not run for disks.blocked_after."""
    if report is not None:
        yield ("all",), report.counted
        yield ("blocked",), len(report.stuck())


def oldest(report: BlockedReport | None) -> Samples:
    """The longest of those; nothing while there is none."""
    stuck = () if report is None else report.stuck()
    if report is not None and stuck:
        yield (), report.seconds(stuck[0])


def faults(report: FaultReport, *, sees: bool) -> Samples:
    """How often the kernel's log says so. While it is read, what has no device begins at zero, so
    that its first increase is one.
    """
    counts = {(kind.value, ""): 0 for kind in WITHOUT_DEVICE} if sees else {}
    counts |= {(kind.value, device): count for kind, device, count in report.counts}
    yield from counts.items()


def _sees_kernel_log(sources: Iterable[SourceHealth]) -> bool:
    return any(source.name == "kmsg" and source.state is SourceState.UP for source in sources)


ROWS = (
    gauge(
        "disk_stalled",
        "Whether a block device ends no request, or device-mapper holds back all of them.",
        lambda s: stalled(s.disks),
        labels=("device",),
    ),
    gauge(
        "disk_latency_seconds",
        "Mean time of the requests that ended in the last ten seconds; absent where none did.",
        lambda s: latencies(s.disks),
        labels=("device", "op"),
    ),
    gauge(
        "disk_in_flight",
        "Requests that have not ended.",
        lambda s: in_flight(s.disks),
        labels=("device",),
    ),
    gauge(
        "etcd_disk_latency_seconds",
        "Mean time of a write or flush, whichever takes longer, of the disk that etcd syncs to; "
        "absent where none ended in the last ten seconds.",
        lambda s: etcd(s.disks),
        labels=("device", "op"),
    ),
    gauge(
        "blocked_tasks",
        "Tasks in state D: all, and those that have not run for disks.blocked_after.",
        lambda s: tasks(s.blocked),
        labels=("which",),
    ),
    gauge(
        "blocked_task_oldest_seconds",
        "For how long the longest of those has not run; absent while there is none.",
        lambda s: oldest(s.blocked),
    ),
    counter(
        "kernel_log_errors",
        "Lines of the kernel's log on failing disks (by device) and on tasks and CPUs that hang, "
        "of this boot as far as the log had them when the agent started.",
        lambda s: faults(s.faults, sees=_sees_kernel_log(s.status.sources)),
        labels=("kind", "device"),
    ),
)
