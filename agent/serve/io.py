"""Block devices and blocked tasks: the answers of ListDevices and ListBlockedTasks, and metrics."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.io import blocked_to_wire, disks_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.disks import DiskReport

Samples = Iterator[tuple[tuple[str, ...], float]]


def devices(report: DiskReport) -> pb.ListDevicesResponse:
    """All of them."""
    return pb.ListDevicesResponse(io=disks_to_wire(report))


def blocked(
    request: pb.ListBlockedTasksRequest, report: BlockedReport
) -> pb.ListBlockedTasksResponse:
    """Those that match every filter."""
    tasks = [task for task in report.tasks if _of(task, request.namespace, request.pod)]
    return pb.ListBlockedTasksResponse(blocked=blocked_to_wire(report, tasks))


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
