"""DiskStalled and TasksBlocked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import (
    disk_errors,
    disk_stalled,
    etcd_disk_slow,
    filesystem_failed,
    tasks_blocked,
)
from agent.detect.blocked import owners
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.condition import Finding, Severity
from agent.model.disks import DiskReport, Op, OpRate, is_part
from agent.model.faults import FaultKind, FaultReport, FaultSum, KernelFault
from tests.serve.fault_sample import BUFFER, FAULTS, HUNG, READ_ONLY, REQUEST, fault_sum
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
    task,
)


def found(
    detector: Detector,
    disks: DiskReport | None = None,
    blocked: BlockedReport | None = None,
    faults: FaultReport | None = None,
) -> list[Finding]:
    scene = Scene(
        now_boottime_ns=NOW_NS,
        now_wall_ns=1,
        disks=disks,
        blocked=blocked,
        faults=faults or FaultReport(),
    )
    return list(detector.detect(scene))


def said(finding: Finding) -> list[str]:
    """The evidence of the kernel's log."""
    return [each.value for each in finding.evidence if each.what == "kernel log"]


def of(*sums: FaultSum) -> FaultReport:
    return FaultReport(sums=sums)


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


def test_etcd_waits_for_a_flush() -> None:
    """The kernel counts nothing in flight: that one of its threads does not run shows it."""
    well = slow_etcd(0.001)
    well = replace(well, etcd=(replace(ETCD, chain=(replace(ROOT, in_flight=0),)),))
    sync = task(ETCD.process.pid, 4.0, comm="etcd", tid=2215, wchan="jbd2_log_wait_commit")
    syncs = BlockedTask(task=sync, switches=3)
    blocked = replace(BLOCKED, tasks=(STUCK, syncs))
    (finding,) = found(etcd_disk_slow.DETECTOR, well, blocked)
    assert finding.reason == "Waits"
    assert finding.message == (
        "nvme0n1 (NVMe) has not ended a sync for 4 s, on which etcd[2211] syncs /var/lib/etcd"
    )
    assert finding.evidence[-1].value == (
        "etcd[2211, thread 2215] of no unit in jbd2_log_wait_commit, has not run for 4 s"
    )
    for other in (
        replace(syncs, task=replace(sync, since_boottime_ns=NOW_NS - 10**9 // 2)),
        replace(syncs, task=replace(sync, wchan="folio_wait_bit_common")),
        replace(syncs, task=replace(sync, start_boottime_ns=ETCD.process.start_boottime_ns - 1)),
        STUCK,
    ):
        assert found(etcd_disk_slow.DETECTOR, well, replace(BLOCKED, tasks=(other,))) == []
    bare = replace(well, etcd=(replace(ETCD, chain=()),))
    assert found(etcd_disk_slow.DETECTOR, bare, blocked) == []


@pytest.mark.parametrize(
    ("disks", "blocked", "known"),
    [
        (slow_etcd(0.001), BLOCKED, True),
        (slow_etcd(0.001), None, False),
        (replace(DISKS, etcd=()), None, True),
        (None, None, True),
    ],
)
def test_whether_etcd_waits_is_not_known(
    disks: DiskReport | None, blocked: BlockedReport | None, *, known: bool
) -> None:
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, disks=disks, blocked=blocked)
    assert (etcd_disk_slow.DETECTOR.unknown(scene) == "") is known


def test_a_flush_beneath() -> None:
    """The kernel counts none: what lies on the disk ends nothing, and is not the cause."""
    under = replace(
        ROOT, disk=replace(ROOT.disk, name="nvme1n1", id="259:9", part_ids=()), in_flight=0
    )
    upper = replace(VOLUME, suspended=False, in_flight=1)
    told = "; nvme1n1 beneath it has none in flight, but perhaps a flush, which is not counted"
    for disks, expected in (
        ((upper, under), True),
        ((upper, replace(under, in_flight=1)), False),
        ((upper,), False),
        ((VOLUME, under), False),
    ):
        (finding,) = found(disk_stalled.DETECTOR, replace(DISKS, disks=disks))
        assert (told in finding.message) is expected


def test_suspended() -> None:
    """The device, what it is, where it is mounted, who waits and who used it."""
    (finding,) = found(disk_stalled.DETECTOR, DISKS, BLOCKED)
    assert finding.reason == "Suspended"
    assert finding.severity is None
    assert finding.message == (
        "dm-0 (device-mapper vg0-data on nvme1n1), mounted at"
        " /var/lib/kubelet/pods/u/volumes/data, is suspended by device-mapper for 42 s; 2 tasks"
        " wait, work[434] of shop/web-0 app in folio_wait_bit_common (2 of shop/web-0 app); 1 more"
        " blocked task may wait for it (1 of containerd.service); lately used by shop/web-0,"
        " containerd.service"
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
    assert (finding.reason, finding.severity) == ("NoCompletion", None)
    assert finding.message == (
        "nvme1n1 (NVMe) has 3 requests in flight and has ended none for 15 s; who waits for it is"
        " not known; dm-0 as well"
    )
    (finding,) = found(disk_stalled.DETECTOR, report, replace(BLOCKED, tasks=()))
    assert finding.severity is Severity.WARNING
    assert "wait" not in finding.message
    (finding,) = found(disk_stalled.DETECTOR, replace(DISKS, disks=(upper,)), None)
    assert "has 1 request in flight" in finding.message


def stalled_beneath_a_partition() -> DiskReport:
    """LVM on a partition of a disk that ends nothing; the volume with an encrypted one on top."""
    since = NOW_NS - 15 * 10**9
    parts = replace(ROOT.disk, part_names=("nvme0n1p1", "nvme0n1p2"))
    volume = replace(VOLUME.disk, beneath=("nvme0n1p2",))
    crypt = replace(VOLUME.disk, name="dm-1", id="253:1", beneath=("dm-0",), label="crypt")
    upper = replace(VOLUME, suspended=False, in_flight=1)
    return replace(
        DISKS,
        disks=(
            replace(upper, disk=crypt),
            replace(upper, disk=volume, stuck_since_boottime_ns=None),
            replace(ROOT, disk=parts, stuck_since_boottime_ns=since),
        ),
    )


def test_beneath_a_partition() -> None:
    """The disk is the cause, however far beneath; who waits has what is on top among his mounts,
    and what the kernel says of the disk is told, but not what it says of other partitions.
    """
    report = stalled_beneath_a_partition()
    lines = [
        fault_sum(KernelFault(kind=FaultKind.REQUEST, device=name, text=f"dev {name}"))
        for name in ("nvme0n1", "nvme0n1p1", "nvme0n1p2", "nvme1n1")
    ]
    inside = replace(BLOCKED, tasks=(replace(STUCK, devices=frozenset(("253:1",))),))
    (finding,) = found(disk_stalled.DETECTOR, report, inside, of(*lines))
    assert (finding.reason, finding.severity) == ("NoCompletion", None)
    assert finding.message.startswith("nvme0n1 (NVMe), mounted at /, /boot, has 3 requests in fl")
    assert "1 task waits, work[434] of shop/web-0 app in" in finding.message
    assert finding.message.endswith("; dm-1 as well")
    upper = replace(report, disks=(*report.disks[:2], replace(ROOT, disk=report.disks[2].disk)))
    (finding,) = found(disk_stalled.DETECTOR, upper, None, of(*lines))
    assert finding.message.startswith("dm-1 (device-mapper crypt on dm-0)")
    assert {line.rpartition(" ")[2] for line in said(finding)} == {"nvme0n1", "nvme0n1p2"}


VOLUMES = frozenset(("253:0",))
OTHERS = frozenset(("254:0",))
NOTHING: frozenset[str] = frozenset()
FOR_A_LOCK = task(998, 12.0, comm="containerd", wchan="rwsem_down_write_slowpath")
HOST = replace(SYSTEM, task=FOR_A_LOCK, devices=VOLUMES | OTHERS, opened=NOTHING)
MAY = "1 blocked task may wait for it (1 of "


@pytest.mark.parametrize(
    ("blocked", "expected"),
    [
        # A pod: what it has among its mounts, or open without a file system.
        (STUCK, "1 task waits, work[434] of shop/web-0 app in"),
        (replace(STUCK, devices=OTHERS, opened=VOLUMES), "1 task waits"),
        (replace(STUCK, devices=OTHERS, opened=NOTHING), ""),
        (replace(STUCK, devices=OTHERS), ""),
        # The host, whose mounts are nearly all devices: what it has open.
        (replace(HOST, opened=VOLUMES), "1 task waits, containerd[998] of containerd.service in"),
        (replace(HOST, opened=OTHERS), MAY + "containerd.service)"),
        (replace(HOST, devices=OTHERS), ""),
        # A server, not a disk.
        (replace(HOST, task=task(9, 99, wchan="rpc_wait_bit_killable"), opened=VOLUMES), ""),
        (replace(STUCK, task=task(9, 99, stack=("a+0x1", "nfs_file_read+0x7 [nfs]"))), ""),
        # It has just begun: that its mounts are not read says nothing.
        (YOUNG, ""),
        (KERNEL, ""),
    ],
)
def test_who_waits(blocked: BlockedTask, expected: str) -> None:
    """Who is shown to have the device; only that makes it more than a warning."""
    (finding,) = found(disk_stalled.DETECTOR, DISKS, replace(BLOCKED, tasks=(blocked,)))
    assert expected in finding.message
    assert ("wait" in finding.message) == bool(expected)
    shown = "task waits" in expected
    assert finding.severity == (None if shown else Severity.WARNING)
    assert any(each.what == "task" for each in finding.evidence) == shown


@pytest.mark.parametrize(
    "blocked",
    [
        # Nothing was read of it, or not what it has open.
        replace(STUCK, devices=None),
        replace(HOST, devices=None, opened=None),
        replace(HOST, opened=None),
        # It waits for some disk: a path that it stats, a page of its program.
        replace(HOST, task=task(998, 12.0, wchan="folio_wait_bit_common")),
        replace(HOST, task=task(998, 12.0, wchan="__wait_on_buffer")),
        replace(HOST, task=task(998, 12.0, wchan="", stack=("io_schedule+0x46/0x80",))),
        replace(HOST, task=task(998, 12.0, wchan="jbd2_log_wait_commit")),
    ],
)
def test_suspects(blocked: BlockedTask) -> None:
    """Who may wait, and is not known not to, is told as such and takes nothing from its gravity."""
    (finding,) = found(disk_stalled.DETECTOR, DISKS, replace(BLOCKED, tasks=(blocked,)))
    assert "; 1 blocked task may wait for it (1 of " in finding.message
    assert finding.severity is None
    assert [each.what for each in finding.evidence if each.what in ("task", "tasks")] == ["task"]


def waiting_for_servers(count: int) -> tuple[BlockedTask, ...]:
    """For days."""
    waits = [task(n, 9e4, wchan="nfs_wait_bit_killable") for n in range(6000, 6000 + count)]
    return tuple(replace(HOST, task=each, devices=None, opened=None) for each in waits)


def test_behind_those_of_a_server() -> None:
    """A pod's task that was not read, behind eight of NFS: it may wait, they do not."""
    servers = waiting_for_servers(8)
    (finding,) = found(disk_stalled.DETECTOR, DISKS, replace(BLOCKED, tasks=servers))
    assert finding.severity is Severity.WARNING
    assert "wait" not in finding.message
    tasks = (*servers, replace(STUCK, devices=None))
    (finding,) = found(disk_stalled.DETECTOR, DISKS, replace(BLOCKED, tasks=tasks))
    assert finding.severity is None
    assert "; 1 blocked task may wait for it (1 of shop/web-0 app)" in finding.message


def test_unseen() -> None:
    """Of those for which there was no room nobody knows."""
    report = replace(BLOCKED, tasks=waiting_for_servers(2), more=40)
    (finding,) = found(disk_stalled.DETECTOR, DISKS, report)
    assert finding.severity is None
    assert "; 40 more tasks in state D were not looked at; lately" in finding.message


def test_one_was_read_for_all() -> None:
    """That one of a container is elsewhere says so of the others, whose mounts were not read."""
    elsewhere = replace(STUCK, devices=OTHERS, opened=NOTHING)
    (finding,) = found(
        disk_stalled.DETECTOR, DISKS, replace(BLOCKED, tasks=(BESIDE, elsewhere, BESIDE))
    )
    assert finding.severity is Severity.WARNING
    assert "wait" not in finding.message


def test_who_else_waits() -> None:
    """Of a pod's container all that are blocked, whose mounts were read of one; of the host those
    of one process.
    """
    thread = replace(HOST, task=replace(SYSTEM.task, tid=999), devices=None)
    other = replace(thread, task=replace(SYSTEM.task, pid=700, tid=700))
    tasks = (STUCK, BESIDE, replace(HOST, opened=VOLUMES), thread, other)
    (finding,) = found(disk_stalled.DETECTOR, DISKS, replace(BLOCKED, tasks=tasks))
    assert "; 4 tasks wait, work[434] of" in finding.message
    assert "(2 of shop/web-0 app, 2 of containerd.service)" in finding.message
    assert "; 1 more blocked task may wait for it (1 of containerd.service)" in finding.message


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


def test_errors() -> None:
    """The worst of what the kernel's log says of disks, and when it said the last."""
    (finding,) = found(disk_errors.DETECTOR, DISKS, faults=FAULTS)
    assert finding.reason == "MediumError"
    assert finding.at_boottime_ns == BUFFER.last_boottime_ns
    assert finding.message == (
        'nvme1n1 has a medium that is bad in places: "critical medium error, dev nvme1n1, sector'
        ' 2048 op 0x0:(READ) flags 0x0 phys_seg 1"; the kernel complains of dm-0 as well'
    )
    assert said(finding) == [
        f"7 times, the last 95 s ago: {REQUEST.last.text}",
        f"2 times, the last 94 s ago: {BUFFER.last.text}",
    ]
    (finding,) = found(disk_errors.DETECTOR, DISKS, faults=of(BUFFER))
    assert finding.message == (
        "dm-0 (device-mapper vg0-data on nvme1n1), mounted at /var/lib/kubelet/pods/u/volumes/data,"
        ' does not read or write all blocks: "Buffer I/O error on dev dm-0, logical block 8, lost'
        ' sync page write"; lately used by shop/web-0, containerd.service'
    )
    assert ("mounted", "dm-0 at /var/lib/kubelet/pods/u/volumes/data") in [
        (each.what, each.value) for each in finding.evidence
    ]
    (finding,) = found(disk_errors.DETECTOR, None, faults=of(BUFFER))
    assert finding.message.startswith("dm-0 does not read or write all blocks: ")


def test_a_partition() -> None:
    """Is said to be one, with its disk."""
    text = "EXT4-fs error (device nvme0n1p2): f:1: comm ls: x"
    fault = KernelFault(kind=FaultKind.FILESYSTEM, device="nvme0n1p2", text=text)
    (finding,) = found(disk_errors.DETECTOR, DISKS, faults=of(fault_sum(fault)))
    assert finding.reason == "FilesystemError"
    assert finding.message.startswith(
        "nvme0n1p2 of nvme0n1 (NVMe), mounted at /, /boot, has a file"
    )
    assert [is_part("sda", name) for name in ("sda1", "sda", "sdaa1", "sdb1")] == [
        True,
        False,
        False,
        False,
    ]
    assert [is_part("dm-1", name) for name in ("dm-10", "dm-1p1")] == [False, True]


def test_no_errors() -> None:
    """What is old, what hangs, and what a drive without a disk says."""
    old = fault_sum(REQUEST.last, age=901)
    empty = fault_sum(KernelFault(kind=FaultKind.REQUEST, device="fd0", text="x"))
    cdrom = fault_sum(KernelFault(kind=FaultKind.BUFFER, device="sr0", text="x"))
    assert found(disk_errors.DETECTOR, DISKS, faults=of(old, empty, cdrom, HUNG, READ_ONLY)) == []
    assert found(filesystem_failed.DETECTOR, DISKS, faults=of(REQUEST, BUFFER, HUNG)) == []


def test_a_failed_file_system() -> None:
    """However long ago: it was not mounted anew since."""
    (finding,) = found(filesystem_failed.DETECTOR, DISKS, faults=FAULTS)
    assert (finding.reason, finding.at_boottime_ns) == ("ReadOnly", None)
    assert finding.message == (
        "dm-0 (device-mapper vg0-data on nvme1n1), mounted at /var/lib/kubelet/pods/u/volumes/data,"
        " has a file system that takes no more writes:"
        ' "EXT4-fs (dm-0): Remounting filesystem read-only"; lately used by shop/web-0,'
        " containerd.service"
    )
    text = "XFS (dm-1): Log I/O Error Detected.  Shutting down filesystem"
    shut = fault_sum(KernelFault(kind=FaultKind.SHUTDOWN, device="dm-1", text=text), age=8000)
    (finding,) = found(filesystem_failed.DETECTOR, DISKS, faults=of(READ_ONLY, shut))
    assert finding.reason == "ShutDown"
    assert finding.message.startswith("dm-1 has a file system that the kernel has shut down: ")


def test_the_kernel_says_so_too() -> None:
    """Of a device that stalls, and what is beneath it; of tasks that hang, of these alone."""
    (finding,) = found(disk_stalled.DETECTOR, DISKS, BLOCKED, FAULTS)
    assert said(finding) == [
        f"once, the last 93 s ago: {READ_ONLY.last.text}",
        f"2 times, the last 94 s ago: {BUFFER.last.text}",
        f"7 times, the last 95 s ago: {REQUEST.last.text}",
    ]
    (finding,) = found(tasks_blocked.DETECTOR, DISKS, BLOCKED, FAULTS)
    assert said(finding) == [f"3 times, the last 40 s ago: {HUNG.last.text}"]
    other = fault_sum(KernelFault(kind=FaultKind.HUNG_TASK, comm="a", pid=9, text="x"))
    (finding,) = found(tasks_blocked.DETECTOR, DISKS, BLOCKED, of(other))
    assert said(finding) == []


def test_many_lines() -> None:
    """Evidence is bounded."""
    sums = [
        fault_sum(KernelFault(kind=FaultKind.REQUEST, device=f"sd{letter}", text="x"))
        for letter in "abcdefghij"
    ]
    (finding,) = found(disk_errors.DETECTOR, None, faults=of(*sums))
    assert said(finding)[-1] == "2 more of other devices or tasks"
