"""DiskStalled and TasksBlocked."""

from __future__ import annotations

from msgspec.structs import replace

from agent.detect import disk_stalled, etcd_disk_slow, tasks_blocked
from agent.detect.blocked import owners
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.blocked import BlockedReport
from agent.model.condition import Finding, Severity
from agent.model.disks import DiskReport, Op, OpRate
from tests.serve.io_sample import (
    BESIDE,
    BLOCKED,
    DISKS,
    ETCD,
    KERNEL,
    NOW_NS,
    ROOT,
    STUCK,
    SYSTEM,
    VOLUME,
    YOUNG,
)


def found(
    detector: Detector, disks: DiskReport | None = None, blocked: BlockedReport | None = None
) -> list[Finding]:
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, disks=disks, blocked=blocked)
    return list(detector.detect(scene))


def slow_etcd(seconds: float = 0.148, stuck: float = 0.0) -> DiskReport:
    """etcd whose flushes take so long, or whose disk has ended nothing for so long."""
    flush = OpRate(per_second=6.0, bytes_per_second=0.0, latency_seconds=seconds)
    since = NOW_NS - int(stuck * 1e9)
    root = replace(ROOT, rates={**ROOT.rates, Op.FLUSH: flush}, stuck_since_boottime_ns=since)
    return replace(DISKS, disks=(root,), etcd=(replace(ETCD, chain=(root,)),))


def test_etcd() -> None:
    """The device, the kind of request, and how much of the time etcd waits."""
    (finding,) = found(etcd_disk_slow.DETECTOR, slow_etcd())
    assert finding.reason == "Slow"
    assert finding.message == (
        "a flush on nvme0n1 (NVMe) takes 148 ms, on which etcd[2211] syncs /var/lib/etcd; it waits"
        " for a disk 31 % of the time"
    )
    (finding,) = found(etcd_disk_slow.DETECTOR, slow_etcd(0.001, stuck=4.0))
    assert finding.reason == "NoCompletion"
    assert finding.message.startswith("nvme0n1 (NVMe) has ended no request for 4 s, on which etcd")
    assert found(etcd_disk_slow.DETECTOR, slow_etcd(0.05, stuck=0.5)) == []
    bare = replace(DISKS, etcd=(replace(ETCD, chain=(), waiting_ratio=None),))
    assert found(etcd_disk_slow.DETECTOR, bare) == []
    assert found(etcd_disk_slow.DETECTOR) == []


def test_suspended() -> None:
    """The device, what it is, where it is mounted, who waits and who used it."""
    (finding,) = found(disk_stalled.DETECTOR, DISKS, BLOCKED)
    assert finding.reason == "Suspended"
    assert finding.severity is None
    assert finding.message == (
        "dm-0 (device-mapper vg0-data on nvme1n1), mounted at"
        " /var/lib/kubelet/pods/u/volumes/data, is suspended by device-mapper for 42 s; 2 tasks"
        " wait, work[434] of shop/web-0 app in folio_wait_bit_common (2 of shop/web-0 app); lately"
        " used by shop/web-0, containerd.service"
    )
    told = [(e.what, e.value) for e in finding.evidence]
    assert ("suspended", "1") in told
    assert ("mounted", "dm-0 at /var/lib/kubelet/pods/u/volumes/data") in told


def test_no_completion() -> None:
    """Of two that stall, the one beneath the other is the cause."""
    under = replace(
        ROOT,
        disk=replace(ROOT.disk, name="nvme1n1", id="259:9", mounts=(), part_ids=()),
        stuck_since_boottime_ns=NOW_NS - 15 * 10**9,
    )
    upper = replace(VOLUME, suspended=False, in_flight=1)
    report = replace(DISKS, disks=(upper, under, ROOT))
    (finding,) = found(disk_stalled.DETECTOR, report, None)
    assert (finding.reason, finding.severity) == ("NoCompletion", Severity.WARNING)
    assert finding.message == (
        "nvme1n1 (NVMe) has 3 requests in flight and has ended none for 15 s; dm-0 as well"
    )
    (finding,) = found(disk_stalled.DETECTOR, replace(DISKS, disks=(upper,)), None)
    assert "has 1 request in flight" in finding.message


def test_who_waits() -> None:
    """Those with the device in their mount table; if that is known of none, all that wait."""
    strangers = replace(BLOCKED, tasks=(SYSTEM, replace(STUCK, devices=frozenset()), KERNEL))
    (finding,) = found(disk_stalled.DETECTOR, DISKS, strangers)
    assert "2 tasks wait, containerd[998] of containerd.service in" in finding.message
    alone = replace(BLOCKED, tasks=(STUCK,))
    (finding,) = found(disk_stalled.DETECTOR, DISKS, alone)
    assert "1 task waits, work[434] of shop/web-0 app in" in finding.message


def test_well() -> None:
    """A device that is busy, one that has just begun, and none."""
    young = replace(VOLUME, stuck_since_boottime_ns=NOW_NS - 2 * 10**9)
    assert found(disk_stalled.DETECTOR, replace(DISKS, disks=(ROOT, young)), BLOCKED) == []
    assert found(disk_stalled.DETECTOR, None, BLOCKED) == []


def test_tasks() -> None:
    """Those that wait for too long, by whose they are; the kernel's own do not count."""
    (finding,) = found(tasks_blocked.DETECTOR, blocked=BLOCKED)
    assert finding.message == (
        "3 tasks have been in state D for up to 41 s: work[434] of shop/web-0 app in"
        " folio_wait_bit_common (2 of shop/web-0 app, 1 of containerd.service)"
    )
    stack = "434: folio_wait_bit_common+0x13d/0x380 < ext4_write_begin+0x1c4/0x5d0"
    assert ("stack", stack) in [(e.what, e.value) for e in finding.evidence]
    one = replace(BLOCKED, tasks=(BESIDE, YOUNG, KERNEL), more=9)
    (finding,) = found(tasks_blocked.DETECTOR, blocked=one)
    assert finding.message.startswith("at least 1 task has been in state D for up to 40 s: flusher")
    assert "flusher[434, thread 440] of shop/web-0 app" in finding.message
    assert found(tasks_blocked.DETECTOR, blocked=replace(BLOCKED, tasks=(YOUNG, KERNEL))) == []
    assert found(tasks_blocked.DETECTOR) == []


def test_many() -> None:
    """Evidence is bounded, and so are the owners."""
    crowd = tuple(replace(STUCK, task=replace(STUCK.task, pid=n, tid=n)) for n in range(200))
    (finding,) = found(tasks_blocked.DETECTOR, blocked=replace(BLOCKED, tasks=crowd))
    assert finding.evidence[-1].value == "192 more"
    units = [replace(SYSTEM, unit=f"{n}.service") for n in range(6)]
    assert owners([*units, units[3]]) == (
        "2 of 3.service, 1 of 0.service, 1 of 1.service, 1 of 2.service and 2 more"
    )
    assert owners([KERNEL, YOUNG]) == "1 of the kernel, 1 of ssh.service"
