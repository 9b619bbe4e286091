"""A made-up kernel log of a node whose volume fails, and of the task that hung on it."""

from __future__ import annotations

from agent.model.faults import FaultKind, FaultReport, FaultSum, KernelFault
from tests.serve.io_sample import NOW_NS

_S = 10**9


def fault_sum(fault: KernelFault, *, count: int = 1, age: int = 40, since: int = 0) -> FaultSum:
    """Last said `age` seconds ago, first `since` seconds before that."""
    last = NOW_NS - age * _S
    return FaultSum(
        count=count, first_boottime_ns=last - since * _S, last_boottime_ns=last, last=fault
    )


REQUEST = fault_sum(
    KernelFault(
        kind=FaultKind.MEDIUM,
        device="nvme1n1",
        text="critical medium error, dev nvme1n1, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1",
    ),
    count=7,
    age=95,
    since=130,
)
BUFFER = fault_sum(
    KernelFault(
        kind=FaultKind.BUFFER,
        device="dm-0",
        text="Buffer I/O error on dev dm-0, logical block 8, lost sync page write",
    ),
    count=2,
    age=94,
    since=1,
)
READ_ONLY = fault_sum(
    KernelFault(
        kind=FaultKind.READ_ONLY,
        device="dm-0",
        text="EXT4-fs (dm-0): Remounting filesystem read-only",
    ),
    age=93,
)
HUNG = fault_sum(
    KernelFault(
        kind=FaultKind.HUNG_TASK,
        comm="work",
        pid=434,
        seconds=122,
        text="INFO: task work:434 blocked for more than 122 seconds.",
    ),
    count=3,
    since=245,
)
FAULTS = FaultReport(
    sums=(HUNG, READ_ONLY, BUFFER, REQUEST),
    counts=(
        (FaultKind.MEDIUM, "nvme1n1", 7),
        (FaultKind.BUFFER, "dm-0", 2),
        (FaultKind.READ_ONLY, "dm-0", 1),
        (FaultKind.HUNG_TASK, "", 3),
    ),
)
