"""agent.parse.kernel_fault"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.faults import FaultKind
from agent.parse.kernel_fault import MAX_TEXT, parse_kernel_fault

REQUEST = (
    "I/O error, dev sdb, sector 3909372392 op 0x1:(WRITE) flags 0x9800 phys_seg 1 prio class 2"
)
FAULTS = (
    ("INFO: task work:434 blocked for more than 122 seconds.", "hung_task", "", "work", 434, 122),
    (
        "INFO: task jbd2/dm-0-8:311 blocked in I/O wait for more than 10 seconds.",
        "hung_task",
        "",
        "jbd2/dm-0-8",
        311,
        10,
    ),
    (
        "INFO: task a:7\nb:8:9 blocked for more than 120 seconds.",
        "hung_task",
        "",
        "a:7\\x0ab:8",
        9,
        120,
    ),
    (
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kworker/1:2:77]",
        "soft_lockup",
        "",
        "kworker/1:2",
        77,
        26,
    ),
    (
        "NMI watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [java:4711]",
        "soft_lockup",
        "",
        "java",
        4711,
        22,
    ),
    ("rcu: INFO: rcu_preempt self-detected stall on CPU", "rcu_stall", "", "", None, None),
    ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", "rcu_stall", "", "", None, None),
    ("INFO: rcu_sched detected stalls on CPUs/tasks:", "rcu_stall", "", "", None, None),
    (
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... }",
        "rcu_stall",
        "",
        "",
        None,
        None,
    ),
    (REQUEST, "request", "sdb", "", None, None),
    ("I/O error, dev ?, sector 0 op 0x0:(READ) flags 0x0", "request", "?", "", None, None),
    (
        "critical medium error, dev nvme0n1, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1",
        "medium",
        "nvme0n1",
        "",
        None,
        None,
    ),
    (
        "blk_update_request: critical medium error, dev sda, sector 8 op 0x0:(READ) flags 0x0",
        "medium",
        "sda",
        "",
        None,
        None,
    ),
    ("print_req_error: I/O error, dev sda, sector 42", "request", "sda", "", None, None),
    ("end_request: I/O error, dev vda, sector 42", "request", "vda", "", None, None),
    ("critical target error, dev sdc, sector 1 op 0x1:(WRITE)", "request", "sdc", "", None, None),
    ("timeout error, dev sdc, sector 1 op 0x1:(WRITE)", "request", "sdc", "", None, None),
    (
        "Buffer I/O error on dev dm-0, logical block 8, async page read",
        "buffer",
        "dm-0",
        "",
        None,
        None,
    ),
    (
        "Buffer I/O error on dev sda1, logical block 8, lost async page write",
        "buffer",
        "sda1",
        "",
        None,
        None,
    ),
    ("Buffer I/O error on device sda1, logical block 8", "buffer", "sda1", "", None, None),
    (
        "EXT4-fs error (device dm-0): ext4_find_entry:1456: inode #2: comm ls: reading lblock 0",
        "filesystem",
        "dm-0",
        "",
        None,
        None,
    ),
    (
        "EXT4-fs error (device nvme0n1p1) in ext4_reserve_inode_write:5792: IO failure",
        "filesystem",
        "nvme0n1p1",
        "",
        None,
        None,
    ),
    (
        "EXT4-fs (dm-0): Remounting filesystem read-only",
        "read_only",
        "dm-0",
        "",
        None,
        None,
    ),
    ("Aborting journal on device dm-0-8.", "filesystem", "dm-0", "", None, None),
    ("Aborting journal on device sda1-8.", "filesystem", "sda1", "", None, None),
    ("Aborting journal on device dm-1.", "filesystem", "dm-1", "", None, None),
    (
        "XFS (sdb1): Log I/O Error (0x2) detected at a+0x6e/0x70 (a:1).  Shutting down filesystem.",
        "shutdown",
        "sdb1",
        "",
        None,
        None,
    ),
    (
        "XFS (dm-1): Corruption of in-memory data detected.  Shutting down filesystem",
        "shutdown",
        "dm-1",
        "",
        None,
        None,
    ),
    (
        'XFS (dm-1): metadata I/O error in "xfs_imap_to_bp+0x61/0xb0 [xfs]" at daddr 0x40 len 32',
        "filesystem",
        "dm-1",
        "",
        None,
        None,
    ),
    (
        "EXT4-fs (dm-0): mounted filesystem with ordered data mode. Quota mode: none.",
        "mounted",
        "dm-0",
        "",
        None,
        None,
    ),
    ("EXT4-fs (dm-0): unmounting filesystem.", "mounted", "dm-0", "", None, None),
    ("XFS (dm-1): Mounting V5 Filesystem", "mounted", "dm-1", "", None, None),
    ("XFS (vda1): log mount failed", "mounted", "vda1", "", None, None),
    ("EXT4-fs (dm-0): mounted filesystem 6a7f-1 r/w with", "mounted", "dm-0", "", None, None),
    ("XFS (dm-1): Unmounting Filesystem", "mounted", "dm-1", "", None, None),
)
TIMEOUTS = (
    ("nvme", "nvme nvme1: I/O 12 (I/O Cmd) QID 3 timeout, aborting", "nvme1", None),
    (
        "nvme",
        "nvme nvme1: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 3 timeout, aborting req_op:READ(0)",
        "nvme1",
        None,
    ),
    ("scsi", "sd 2:0:0:0: [sdb] tag#12 timing out command, waited 180s", "sdb", 180),
    ("scsi", "sd 0:3:0:0: tag#164 timing out command, waited 120s", "0:3:0:0", 120),
    ("scsi", "sd 0:0:9:0: timing out command, waited 20s", "0:0:9:0", 20),
    ("nvme", "nvme nvme0: I/O 7 QID 3 timeout, completion polled", "nvme0", None),
)


@pytest.mark.parametrize(("text", "kind", "device", "comm", "pid", "seconds"), FAULTS)
def test_lines(
    text: str, kind: str, device: str, comm: str, pid: int | None, seconds: int | None
) -> None:
    """The device or the task is found, in each form that kernels print."""
    fault = parse_kernel_fault(text)
    assert fault is not None
    assert (fault.kind.value, fault.device) == (kind, device)
    assert (fault.comm, fault.pid, fault.seconds) == (comm, pid, seconds)
    assert fault.text.isprintable()


@pytest.mark.parametrize(("subsystem", "text", "device", "seconds"), TIMEOUTS)
def test_timeouts(subsystem: str, text: str, device: str, seconds: int | None) -> None:
    """The driver's own records alone: those carry its subsystem."""
    fault = parse_kernel_fault(text, subsystem)
    assert fault is not None
    assert (fault.kind, fault.device, fault.seconds) == (FaultKind.TIMEOUT, device, seconds)
    assert parse_kernel_fault(text) is None
    assert parse_kernel_fault(text, "usb") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I/O error, dev [123]: segfault at 0 ip 0 sp 0 error 4",  # a comm of 15 bytes
        "INFO: task x[12]: segfault at 0 ip 0 sp 0 error 4",
        "XFS ([12]: segfault at 0",
        "XFS (dm-0): Ending clean mount",
        "EXT4-fs (dm-0): re-mounted. Quota mode: none.",
        "EXT4-fs (dm-0): recovery complete",
        "operation not supported error, dev loop0, sector 0 op 0x9:(WRITE_ZEROES) flags 0x800",
        "nvme nvme0: 2/0/0 default/read/poll queues",
        "sd 2:0:0:0: [sdb] Attached SCSI disk",
        "work invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "kworker says I/O error, dev sda",
        "INFO: task khungtaskd is fine",
        "rcu: Hierarchical SRCU implementation.",
        "watchdog: Delayed init of the lockup detector failed",
        "Buffer full",
        "A line of others",
    ],
)
def test_others(text: str) -> None:
    """Lines of others, what a comm can imitate, and what is no failure."""
    assert parse_kernel_fault(text) is None
    assert parse_kernel_fault(text, "scsi") is None
    assert parse_kernel_fault(text, "nvme") is None


@pytest.mark.parametrize(
    "text",
    [
        "INFO: task work:x blocked for more than 120 seconds.",
        "INFO: task work:1 blocked for more than ages.",
        "watchdog: BUG: soft lockup - CPU#x stuck for 26s! [a:1]",
        "I/O error, dev sdb, sector x op",
        "Buffer I/O error on dev dm-0, block 8",
        "EXT4-fs error (device dm 0): f:1: comm ls: x",
        "Aborting journal on device dm-0-8",
    ],
)
def test_refused(text: str) -> None:
    """What begins as one of ours and does not go on as one."""
    with pytest.raises(ParseError):
        parse_kernel_fault(text)


def test_long() -> None:
    """A line is kept up to a bound, and nothing in it can write to a terminal."""
    fault = parse_kernel_fault("EXT4-fs error (device dm-0): f:1: comm \x1b[2J: " + "x" * 900)
    assert fault is not None
    assert len(fault.text) == MAX_TEXT + 3
    assert "comm \\x1b[2J" in fault.text
