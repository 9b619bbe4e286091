"""agent.derive.kernel_faults"""

from __future__ import annotations

from agent.derive.kernel_faults import MAX_DEVICES, MAX_SUMS, OTHERS, KernelFaults
from agent.model.evidence import FaultSeen
from agent.model.faults import FaultKind, KernelFault


def seen(
    sequence: int, kind: FaultKind, device: str = "", comm: str = "", pid: int | None = None
) -> FaultSeen:
    text = f"line {sequence}"
    fault = KernelFault(kind=kind, device=device, comm=comm, pid=pid, text=text)
    return FaultSeen(sequence=sequence, boottime_ns=sequence * 10**9, fault=fault)


def test_sums() -> None:
    """By kind and device, or by task: how many, since when, and the last; the newest first."""
    faults = KernelFaults()
    faults.take(seen(1, FaultKind.REQUEST, "sda"))
    faults.take(seen(2, FaultKind.HUNG_TASK, comm="work", pid=434))
    faults.take(seen(5, FaultKind.REQUEST, "sda"))
    first, second = faults.report().sums
    assert (first.count, first.first_boottime_ns, first.last_boottime_ns) == (2, 10**9, 5 * 10**9)
    assert (first.last.device, first.last.text) == ("sda", "line 5")
    assert (second.count, second.last.pid) == (1, 434)
    assert faults.report().counts == (
        (FaultKind.REQUEST, "sda", 2),
        (FaultKind.HUNG_TASK, "", 1),
    )
    assert faults.report().of_disks() == (first,)
    assert faults.report().of_tasks() == (second,)


def test_read_again() -> None:
    """A log that is opened anew is read from its start: what is known counts once."""
    faults = KernelFaults()
    for sequence in (3, 4, 3, 4, 5):
        faults.take(seen(sequence, FaultKind.BUFFER, "dm-0"))
    assert faults.report().sums[0].count == 3


def test_mounted_anew() -> None:
    """Ends what was said of the file system before, and is no fault itself."""
    faults = KernelFaults()
    faults.take(seen(1, FaultKind.READ_ONLY, "dm-0"))
    faults.take(seen(2, FaultKind.SHUTDOWN, "dm-1"))
    faults.take(seen(3, FaultKind.FILESYSTEM, "dm-0"))
    faults.take(seen(4, FaultKind.MOUNTED, "dm-0"))
    assert [each.last.text for each in faults.report().sums] == ["line 3", "line 2"]
    assert (FaultKind.READ_ONLY, "dm-0", 1) in faults.report().counts


def test_bounds() -> None:
    """Whatever a kernel prints, so much is kept, and no count is lost."""
    faults = KernelFaults()
    for sequence in range(2 * MAX_SUMS):
        faults.take(seen(sequence, FaultKind.REQUEST, f"sd{sequence}"))
    for sequence in range(2 * MAX_SUMS, 3 * MAX_SUMS + 1):
        faults.take(seen(sequence, FaultKind.HUNG_TASK, comm="work", pid=sequence))
    report = faults.report()
    assert len(report.sums) == MAX_SUMS
    assert all(each.last.kind is FaultKind.HUNG_TASK for each in report.sums)
    counts = {(kind, device): count for kind, device, count in report.counts}
    assert counts[FaultKind.REQUEST, OTHERS] == 2 * MAX_SUMS - MAX_DEVICES
    assert counts[FaultKind.HUNG_TASK, ""] == MAX_SUMS + 1
    assert len(counts) == MAX_DEVICES + 2
