"""agent.serve.io and agent.api.io."""

from __future__ import annotations

from msgspec.structs import replace

from agent.api.v1 import node_agent_pb2 as pb
from agent.model.faults import FaultReport
from agent.serve import io
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.fault_sample import FAULTS
from tests.serve.io_sample import BLOCKED, DISKS, WALL_NS, YOUNG
from tests.serve.sample import SampleView


def test_devices() -> None:
    """Every field; what is not known is absent."""
    answer = io.devices(DISKS, FAULTS).io
    assert answer.at.ToNanoseconds() == WALL_NS
    root, loop, volume = answer.disks
    assert (volume.label, list(volume.beneath), volume.suspended) == ("vg0-data", ["nvme1n1"], True)
    assert (volume.stuck.ToSeconds(), volume.stalled) == (42, True)
    assert [user.container.pod or user.unit for user in volume.users] == [
        "web-0",
        "containerd.service",
    ]
    assert (root.stuck.ToSeconds(), root.stalled, root.in_flight) == (0, False, 3)
    rates = {rate.op: rate for rate in root.rates}
    assert rates["flush"].latency.ToNanoseconds() == 8_400_000
    assert not rates["discard"].HasField("latency")
    assert not loop.HasField("stuck")
    (etcd,) = answer.etcd
    assert (etcd.pid, etcd.container.pod, list(etcd.devices)) == (2211, "etcd-cp1", ["nvme0n1"])
    assert (etcd.slowest_op, etcd.slowest.ToNanoseconds()) == ("flush", 8_400_000)
    assert etcd.waiting_ratio == 0.31


def test_blocked() -> None:
    """All, or those of a namespace or a pod."""

    def pids(**filters: str) -> list[int]:
        request = pb.ListBlockedTasksRequest(**filters)
        return [task.tid for task in io.blocked(request, BLOCKED, FAULTS).blocked.tasks]

    assert pids() == [434, 440, 998, 512, 77]
    assert pids(namespace="shop") == pids(pod="web-0") == pids(pod="uid-of-web-0") == [434, 440]
    assert pids(namespace="shop", pod="other") == []
    answer = io.blocked(pb.ListBlockedTasksRequest(), BLOCKED, FAULTS).blocked
    first, second, *_, kernel = answer.tasks
    assert (first.blocked.ToSeconds(), first.wchan, len(first.stack)) == (
        41,
        "folio_wait_bit_common",
        2,
    )
    assert second.stack_absent_reason == "reading kernel stacks needs CAP_SYS_ADMIN"
    assert (kernel.kernel, kernel.HasField("container")) == (True, False)
    assert (answer.looked_at, answer.look_took.ToMilliseconds()) == (3518, 71)
    assert (first.io_delay.ToMilliseconds(), second.HasField("io_delay")) == (72_500, False)
    assert answer.io_delay_absent_reason == ""
    off = replace(BLOCKED, io_delay_absent="unsupported: kernel.task_delayacct is 0")
    told = io.blocked(pb.ListBlockedTasksRequest(), off, FAULTS).blocked
    assert told.io_delay_absent_reason == "unsupported: kernel.task_delayacct is 0"


def test_said() -> None:
    """The kernel's lines of disks with the devices, those of tasks with the tasks."""
    medium = io.devices(DISKS, FAULTS).io.said[-1]
    assert (medium.kind, medium.device, medium.count) == ("medium", "nvme1n1", 7)
    assert WALL_NS - medium.last.ToNanoseconds() == 95 * 10**9
    assert WALL_NS - medium.first.ToNanoseconds() == 225 * 10**9
    assert medium.text.startswith("critical medium error, dev nvme1n1")
    assert not medium.HasField("hung")
    kinds = [each.kind for each in io.devices(DISKS, FAULTS).io.said]
    assert kinds == ["read_only", "buffer", "medium"]

    def of(**filters: str) -> list[int]:
        request = pb.ListBlockedTasksRequest(**filters)
        return [each.pid for each in io.blocked(request, BLOCKED, FAULTS).blocked.said]

    assert of() == of(pod="web-0") == [434]
    assert of(pod="other") == []
    (hung,) = io.blocked(pb.ListBlockedTasksRequest(), BLOCKED, FAULTS).blocked.said
    assert (hung.kind, hung.comm, hung.hung.ToSeconds()) == ("hung_task", "work", 122)


def test_metrics() -> None:
    """Absent while nothing is known; the oldest only while there is one."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())

    def text() -> str:
        return b"".join(pages.pieces(Format.TEXT)).decode()

    now = text()
    assert 'nodewitness_disk_stalled{device="dm-0"} 1.0' in now
    assert 'nodewitness_disk_stalled{device="nvme0n1"} 0.0' in now
    assert 'nodewitness_disk_latency_seconds{device="nvme0n1",op="flush"} 0.0084' in now
    assert 'nodewitness_disk_in_flight{device="nvme0n1"} 3.0' in now
    assert 'op="discard"' not in now
    assert 'nodewitness_etcd_disk_latency_seconds{device="nvme0n1",op="flush"} 0.0084' in now
    assert 'nodewitness_blocked_tasks{which="all"} 5.0' in now
    assert 'nodewitness_blocked_tasks{which="blocked"} 3.0' in now
    assert "nodewitness_blocked_task_oldest_seconds 41.0" in now
    assert 'nodewitness_kernel_log_errors_total{device="nvme1n1",kind="medium"} 7.0' in now
    assert 'nodewitness_kernel_log_errors_total{device="",kind="hung_task"} 3.0' in now
    assert 'nodewitness_kernel_log_errors_total{device="",kind="soft_lockup"} 0.0' in now
    view.blocked_now = replace(BLOCKED, tasks=(YOUNG,), counted=1)
    assert "nodewitness_blocked_task_oldest_seconds" not in text()
    view.blocked_now = view.disks_now = None
    assert "nodewitness_disk_" not in text()
    view.faults_now = FaultReport()
    assert 'nodewitness_kernel_log_errors_total{device="",kind="hung_task"} 0.0' in text()
    assert dict(io.faults(FaultReport(), sees=False)) == {}
    assert "nodewitness_blocked_tasks" not in text()
