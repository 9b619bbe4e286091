"""Made-up reports of a node whose volume is suspended, with those who wait for it."""

from __future__ import annotations

from agent.model.afterlife import Task
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.disks import (
    Disk,
    DiskKind,
    DiskReport,
    DiskState,
    DiskUser,
    Etcd,
    EtcdProcess,
    Op,
    OpRate,
)
from agent.model.oom import Container

NOW_NS = 11_000 * 10**9
WALL_NS = 1_790_000_600 * 10**9

APP = Container(
    namespace="shop",
    pod="web-0",
    pod_uid="uid-of-web-0",
    name="app",
    id="4f" * 32,
    names_from="cri",
)
VOLUME = DiskState(
    disk=Disk(
        id="253:0",
        name="dm-0",
        kind=DiskKind.DEVICE_MAPPER,
        label="vg0-data",
        beneath=("nvme1n1",),
        mounts=("/var/lib/kubelet/pods/u/volumes/data",),
    ),
    in_flight=0,
    suspended=True,
    window_seconds=10.0,
    rates={Op.READ: OpRate(per_second=0.0, bytes_per_second=0.0, latency_seconds=None)},
    stuck_since_boottime_ns=NOW_NS - 42 * 10**9,
    users=(
        DiskUser(names=APP, unit="", read_bytes_per_second=0.0, written_bytes_per_second=4e6),
        DiskUser(
            names=None,
            unit="containerd.service",
            read_bytes_per_second=0.0,
            written_bytes_per_second=4096.0,
        ),
    ),
)
ROOT = DiskState(
    disk=Disk(
        id="259:0",
        name="nvme0n1",
        kind=DiskKind.NVME,
        mounts=("/", "/boot"),
        part_ids=("259:1", "259:2"),
    ),
    in_flight=3,
    window_seconds=10.0,
    rates={
        Op.READ: OpRate(per_second=120.0, bytes_per_second=4e6, latency_seconds=0.00031),
        Op.WRITE: OpRate(per_second=80.0, bytes_per_second=9e6, latency_seconds=0.0021),
        Op.DISCARD: OpRate(per_second=0.0, bytes_per_second=0.0, latency_seconds=None),
        Op.FLUSH: OpRate(per_second=12.0, bytes_per_second=0.0, latency_seconds=0.0084),
    },
    busy_ratio=0.34,
    queue=0.6,
    stuck_since_boottime_ns=NOW_NS,
)
LOOP = DiskState(
    disk=Disk(id="7:0", name="loop0", kind=DiskKind.LOOP, label="/var/lib/a.img"),
    in_flight=0,
    window_seconds=10.0,
)
ETCD = Etcd(
    process=EtcdProcess(
        pid=2211,
        start_boottime_ns=NOW_NS - 9000 * 10**9,
        cgroup="/kubepods/burstable/pode/7c",
        directory="/var/lib/etcd",
        device="259:2",
    ),
    names=Container(namespace="kube-system", pod="etcd-cp1", pod_uid="u9", name="etcd", id="7c"),
    chain=(ROOT,),
    waiting_ratio=0.31,
)
DISKS = DiskReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    stalled_after_seconds=10.0,
    disks=(ROOT, LOOP, VOLUME),
    etcd=(ETCD,),
)


def task(
    pid: int,
    age: float,
    *,
    comm: str = "work",
    wchan: str = "folio_wait_bit_common",
    tid: int | None = None,
    stack: tuple[str, ...] = (),
    unread: str = "",
) -> Task:
    """One that has not run for so long."""
    return Task(
        pid=pid,
        tid=pid if tid is None else tid,
        comm=comm,
        state="D",
        start_boottime_ns=NOW_NS - 3600 * 10**9,
        wchan=wchan,
        stack=stack,
        unread=unread,
        since_boottime_ns=NOW_NS - int(age * 1e9),
    )


STUCK = BlockedTask(
    task=task(
        434, 41.0, stack=("folio_wait_bit_common+0x13d/0x380", "ext4_write_begin+0x1c4/0x5d0")
    ),
    switches=7,
    cgroup="/kubepods/burstable/podu/4f",
    names=APP,
    devices=frozenset(("253:0",)),
    io_delay_seconds=72.5,
)
BESIDE = BlockedTask(
    task=task(
        434, 40.0, comm="flusher", tid=440, unread="reading kernel stacks needs CAP_SYS_ADMIN"
    ),
    switches=2,
    cgroup="/kubepods/burstable/podu/4f",
    names=APP,
)
SYSTEM = BlockedTask(
    task=task(998, 12.0, comm="containerd", wchan="wb_wait_for_completion"),
    switches=None,
    cgroup="/system.slice/containerd.service",
    unit="containerd.service",
)
YOUNG = BlockedTask(task=task(512, 1.0, comm="sh", wchan=""), switches=1, unit="ssh.service")
KERNEL = BlockedTask(
    task=task(77, 40.0, comm="jbd2/dm-0-8", wchan="wait_on_buffer"), switches=9, kernel=True
)
BLOCKED = BlockedReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    looked_boottime_ns=NOW_NS,
    blocked_after_seconds=10.0,
    tasks=(STUCK, BESIDE, SYSTEM, YOUNG, KERNEL),
    counted=5,
    looked_at=3518,
    look_seconds=0.071,
)
