"""EtcdDiskSlow: the disk beneath etcd takes longer than etcd can wait.

A flush that hangs is in no count of requests in flight (blk_mq_check_inflight, Linux 6.1), and one
that has not ended in no mean: then it is etcd itself that shows it, in state D.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.derive.wait_places import waits_for_sync
from agent.detect.blocked import evidence
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.catalogue.io import ETCD_DISK_SLOW
from agent.model.condition import NODE, Evidence, Finding
from agent.model.disks import DiskReport, DiskState, Etcd, EtcdProcess

SLOW_SECONDS = 0.1
"""The mean. etcd's heartbeat is 100 ms by default, and its guide wants an fsync in 10."""
STUCK_SECONDS = 1.0
"""Nothing has ended for so long: it need not become a stall to lose a leader."""


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.disks
    if report is None:
        return
    for etcd in report.etcd:
        slowest = etcd.slowest
        stuck = max(etcd.chain, key=report.stuck_seconds, default=None)
        if stuck is not None and report.stuck_seconds(stuck) >= STUCK_SECONDS:
            what = f"{_device(stuck)} has ended no request for {report.stuck_seconds(stuck):.0f} s"
            yield _finding(report, etcd, "NoCompletion", what)
        elif slowest is not None and slowest[2] >= SLOW_SECONDS:
            state, op, seconds = slowest
            what = f"a {op.value} on {_device(state)} takes {1000 * seconds:.0f} ms"
            yield _finding(report, etcd, "Slow", what)
        elif scene.blocked is not None and etcd.chain:
            task = _syncing(scene.blocked, etcd.process)
            if task is not None:
                seconds = scene.blocked.seconds(task)
                what = f"{_device(etcd.chain[0])} has not ended a sync for {seconds:.0f} s"
                yield _finding(report, etcd, "Waits", what, evidence(scene.blocked, (task,)))


def _syncing(blocked: BlockedReport, etcd: EtcdProcess) -> BlockedTask | None:
    """Its thread that has waited for that longest, if for too long. The log that it waits for is
    the one that etcd syncs: it syncs nothing else, but what --data-dir has elsewhere.
    """
    for each in blocked.tasks:  # the longest first
        its = each.task.pid == etcd.pid and each.task.start_boottime_ns >= etcd.start_boottime_ns
        if its and blocked.seconds(each) >= STUCK_SECONDS and waits_for_sync(each.task):
            return each
    return None


def _unknown(scene: Scene) -> str:
    if scene.blocked is None and scene.disks is not None and any(e.chain for e in scene.disks.etcd):
        return "whether etcd waits for a flush is not known: tasks in state D were not looked at"
    return ""


def _device(state: DiskState) -> str:
    what = f"{state.disk.kind.value} {state.disk.label}".rstrip()
    return f"{state.disk.name} ({what})"


def _finding(
    report: DiskReport,
    etcd: Etcd,
    reason: str,
    what: str,
    more: Iterable[Evidence] = (),
) -> Finding:
    process = etcd.process
    waits = ""
    # (Who waits for a log need not be in iowait: jbd2_log_wait_commit.)
    if etcd.waiting_ratio is not None and reason != "Waits":
        waits = f"; it waits for a disk {100 * etcd.waiting_ratio:.0f} % of the time"
    return Finding(
        type=ETCD_DISK_SLOW.name,
        entity=NODE,
        reason=reason,
        message=f"{what}, on which etcd[{process.pid}] syncs {process.directory}{waits}",
        evidence=(*_evidence(etcd), *more),
    )


def _evidence(etcd: Etcd) -> Iterator[Evidence]:
    for state in etcd.chain:
        told = [
            f"{op.value} {1000 * rate.latency_seconds:.1f} ms at {rate.per_second:.1f}/s"
            for op, rate in state.rates.items()
            if rate.latency_seconds is not None
        ]
        told.append(f"{state.in_flight} in flight")
        value = f"{state.disk.name}: {', '.join(told)}"
        yield Evidence(what="device", value=value, source="/proc/diskstats")
    if etcd.waiting_ratio is not None:
        value = f"some {etcd.waiting_ratio:.2f}"
        yield Evidence(what="io.pressure", value=value, source=f"{etcd.process.cgroup}/io.pressure")


DETECTOR = Detector(condition=ETCD_DISK_SLOW, detect=_detect, unknown=_unknown)
"""One for all that run here; there is one as a rule."""
