"""The kernel's lines of failing disks and hung tasks in /dev/kmsg, after kmsg.parse_kmsg

    INFO: task work:434 blocked for more than 122 seconds.
    watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kworker/1:2:77]
    rcu: INFO: rcu_preempt self-detected stall on CPU
    I/O error, dev sdb, sector 3909372392 op 0x1:(WRITE) flags 0x9800 phys_seg 1 prio class 2
    critical medium error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
    blk_update_request: I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio ...
    Buffer I/O error on dev dm-0, logical block 8, async page read
    EXT4-fs error (device dm-0): ext4_find_entry:1456: inode #2: comm ls: reading directory ...
    EXT4-fs (dm-0): Remounting filesystem read-only
    Aborting journal on device dm-0-8.
    XFS (sdb1): Log I/O Error (0x2) detected at xlog_ioend_work+0x6e/0x70 [xfs] \
(fs/xfs/xfs_log.c:1378).  Shutting down filesystem.
    XFS (sdb1): metadata I/O error in "xfs_imap_to_bp+0x61/0xb0 [xfs]" at daddr 0x40 len 32 error 5
    nvme nvme1: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 3 timeout, aborting req_op:READ(0)
    sd 2:0:0:0: [sdb] tag#12 timing out command, waited 180s

Where each is printed; the formats were compared with those in the kernels 6.1.192 and 6.12.95 of
Debian, which are the same unless said otherwise:

    task            kernel/hung_task.c, check_hung_task
    soft lockup     kernel/watchdog.c, watchdog_timer_fn; older ones begin with "NMI watchdog: "
    rcu             kernel/rcu/tree_stall.h, print_other_cpu_stall, print_cpu_stall; tree_exp.h
                    ("expedited"); older ones without "rcu: "
    error, dev      block/blk-mq.c, blk_print_req_error; the words before are blk_errors of
                    block/blk-core.c. Until 5.15 the name of a function stands before them, and in
                    still older ones there is no op
    Buffer          fs/buffer.c, buffer_io_error; %pg is the partition
    EXT4-fs         fs/ext4/super.c, __ext4_error, __ext4_error_inode, __ext4_error_file,
                    __ext4_std_error; ext4_handle_error by ext4_msg. %s is sb->s_id, the partition
    Aborting        fs/jbd2/journal.c, jbd2_journal_abort; the device is "dm-0-8", 8 the journal's
                    inode, or a device of its own
    XFS             fs/xfs/xfs_fsops.c, xfs_do_force_shutdown; fs/xfs/xfs_buf.c,
                    xfs_buf_ioerror_alert; fs/xfs/xfs_log.c, xlog_ioend_work. Before 5.15
                    "... detected.  Shutting down filesystem"
    nvme            drivers/nvme/host/pci.c, nvme_timeout; in 6.1 "I/O 12 QID 3 timeout, ..." or
                    "I/O 12 (Read) QID 3 timeout, ..."; "completion polled": an interrupt was lost
    sd              drivers/scsi/scsi_lib.c, scsi_complete, by scmd_printk; older ones without the
                    disk's name and the tag

Ends of file systems and new beginnings ("EXT4-fs (dm-0): mounted filesystem", "unmounting
filesystem", since 5.19; "XFS (dm-0): Mounting V5 Filesystem", "Unmounting Filesystem", "log mount
failed"; 6.12 adds a UUID) are told as well: after one, a file system that was given up is so no
more.

What a container may choose in these lines (a comm of 15 bytes, a file's name) stands behind the
words that make a line one of ours. The lines that begin with a comm ("COMM[12]: segfault at ...")
cannot imitate one: each of ours has fixed words of more than 15 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.model.absence import ParseError
from agent.model.faults import FaultKind, KernelFault
from agent.parse.names import printable_text

MAX_TEXT = 240
"""Of a line that is kept."""

_DEVICE = r"([A-Za-z0-9_.!:-]{1,32})"
_HUNG_HEAD, _HUNG_WORDS = "INFO: task ", " for more than "
_HUNG = re.compile(
    r"INFO: task (.{0,15}?):([0-9]{1,9}) blocked(?: in I/O wait)?"  # a patch has proposed that
    r" for more than ([0-9]{1,10}) seconds\..*",
    re.DOTALL,
)
_LOCKUP_HEAD = re.compile(r"(?:NMI )?watchdog: BUG: soft lockup - ")
_LOCKUP = re.compile(
    r"(?:NMI )?watchdog: BUG: soft lockup - CPU#[0-9]{1,6} stuck for ([0-9]{1,10})s!"
    r" \[(.{0,15}):([0-9]{1,9})\].*",
    re.DOTALL,
)
_RCU = re.compile(
    r"(?:rcu: )?INFO: rcu_[a-z_]{1,32} (?:self-detected stall on CPU|detected (?:expedited )?stalls"
    r" on CPUs/tasks)",
)
_REQUEST_HEAD = re.compile(
    r"(?:(?:blk_update_request|print_req_error|end_request): )?([A-Za-z][A-Za-z/ ]{0,40}?)"
    r" error, dev [^ ]{1,40}, sector "
)
_REQUEST = re.compile(
    r"([A-Za-z0-9_.!:-]{1,32}|\?), sector [0-9]{1,20}(?:[ ,].*)?",  # "?": it is gone already
    re.DOTALL,
)
_REFUSED = "operation not supported"
"""A discard, say, that the device does not know. Who asked does without."""
_MEDIUM = "critical medium"
_BUFFER_HEAD = "Buffer I/O error on dev"
_BUFFER = re.compile(
    rf"Buffer I/O error on dev(?:ice)? {_DEVICE}, logical block [0-9]{{1,20}}(?:,.*)?", re.DOTALL
)
_EXT4_ERROR_HEAD = "EXT4-fs error (device "
_EXT4_ERROR = re.compile(rf"EXT4-fs error \(device {_DEVICE}\)(?:: | in ).*", re.DOTALL)
_EXT4 = re.compile(
    rf"EXT4-fs \({_DEVICE}\): (?:(Remounting filesystem read-only)|(?:mounted|unmounting) filesys)"
)
_JOURNAL_HEAD = "Aborting journal on device "
_JOURNAL = re.compile(rf"Aborting journal on device {_DEVICE}\.", re.DOTALL)
_XFS = re.compile(rf"XFS \({_DEVICE}\): (.*)", re.DOTALL)
_XFS_MOUNTS = ("Mounting V", "Unmounting Filesystem", "log mount f")  # "failed", "finish failed"
_NVME = re.compile(r"nvme (nvme[0-9]{1,5}): I/O .{1,100} timeout, .*", re.DOTALL)
_SCSI = re.compile(
    r"sd ([0-9:]{1,20}): (?:\[(sd[a-z]{1,8})\] )?(?:tag#[0-9]{1,10} )?"
    r"timing out command, waited ([0-9]{1,10})s",
)


def parse_kernel_fault(text: str, subsystem: str = "") -> KernelFault | None:
    """What the line says; None if it is no line that we use. The caller looks at the facility.

    ParseError for a line that begins as one of ours and does not go on as one.
    """
    parser = _PARSERS.get(text[:1])
    return None if parser is None else parser(text, subsystem)


def _fault(
    kind: FaultKind,
    text: str,
    device: str = "",
    comm: str = "",
    pid: str | None = None,
    seconds: str | None = None,
) -> KernelFault:
    whole = printable_text(text.rstrip())
    return KernelFault(
        kind=kind,
        device=device,
        comm=printable_text(comm),
        pid=None if pid is None else int(pid),
        seconds=None if seconds is None else int(seconds),
        text=whole if len(whole) <= MAX_TEXT else f"{whole[:MAX_TEXT]}...",
    )


def _task(text: str, subsystem: str) -> KernelFault | None:
    if _RCU.match(text):
        return _fault(FaultKind.RCU_STALL, text)
    if not text.startswith(_HUNG_HEAD) or _HUNG_WORDS not in text:
        return _request(text, subsystem)
    match = _HUNG.fullmatch(text)
    if match is None:
        raise ParseError("'INFO: task comm:pid blocked for more than N seconds.'", text)
    return _fault(FaultKind.HUNG_TASK, text, comm=match[1], pid=match[2], seconds=match[3])


def _lockup(text: str, subsystem: str) -> KernelFault | None:
    if _LOCKUP_HEAD.match(text) is None:
        return None
    match = _LOCKUP.fullmatch(text)
    if match is None:
        raise ParseError("'BUG: soft lockup - CPU#N stuck for Ns! [comm:pid]'", text)
    return _fault(FaultKind.SOFT_LOCKUP, text, comm=match[2], pid=match[3], seconds=match[1])


def _rcu(text: str, subsystem: str) -> KernelFault | None:
    return _task(text, subsystem) if text.startswith("rcu: ") else _request(text, subsystem)


def _request(text: str, subsystem: str) -> KernelFault | None:
    head = _REQUEST_HEAD.match(text)
    if head is None:
        return None
    match = _REQUEST.fullmatch(text, text.index(" error, dev ") + len(" error, dev "))
    if match is None:
        raise ParseError("'... error, dev NAME, sector N'", text)
    if head[1] == _REFUSED:
        return None
    kind = FaultKind.MEDIUM if head[1] == _MEDIUM else FaultKind.REQUEST
    return _fault(kind, text, device=match[1])


def _buffer(text: str, subsystem: str) -> KernelFault | None:
    if not text.startswith(_BUFFER_HEAD):
        return None
    match = _BUFFER.fullmatch(text)
    if match is None:
        raise ParseError("'Buffer I/O error on dev NAME, logical block N'", text)
    return _fault(FaultKind.BUFFER, text, device=match[1])


def _ext4(text: str, subsystem: str) -> KernelFault | None:
    if text.startswith(_EXT4_ERROR_HEAD):
        match = _EXT4_ERROR.fullmatch(text)
        if match is None:
            raise ParseError("'EXT4-fs error (device NAME): '", text)
        return _fault(FaultKind.FILESYSTEM, text, device=match[1])
    match = _EXT4.match(text)
    if match is None:
        return None
    return _fault(FaultKind.READ_ONLY if match[2] else FaultKind.MOUNTED, text, device=match[1])


def _journal(text: str, subsystem: str) -> KernelFault | None:
    if not text.startswith(_JOURNAL_HEAD):
        return None
    match = _JOURNAL.fullmatch(text)
    if match is None:
        raise ParseError("'Aborting journal on device NAME.'", text)
    device = match[1]
    name, dash, inode = device.rpartition("-")  # "dm-0-8", "sda1-8"; "dm-0" is a device of its own
    if dash and name and inode.isdigit() and name != "dm":
        device = name
    return _fault(FaultKind.FILESYSTEM, text, device=device)


def _xfs(text: str, subsystem: str) -> KernelFault | None:
    match = _XFS.fullmatch(text)
    if match is None:
        return None
    device, said = match[1], match[2]
    if said.rstrip(".").lower().endswith("shutting down filesystem"):
        return _fault(FaultKind.SHUTDOWN, text, device=device)
    if said.startswith(("metadata I/O error", "log I/O error")):
        return _fault(FaultKind.FILESYSTEM, text, device=device)
    if said.startswith(_XFS_MOUNTS):
        return _fault(FaultKind.MOUNTED, text, device=device)
    return None


def _driver(text: str, subsystem: str) -> KernelFault | None:
    """Printed with its device (dev_printk): the record must be the subsystem's own."""
    if subsystem == "nvme":
        match = _NVME.fullmatch(text)
        if match is not None:
            return _fault(FaultKind.TIMEOUT, text, device=match[1])
    elif subsystem == "scsi":
        match = _SCSI.fullmatch(text)
        if match is not None:
            return _fault(FaultKind.TIMEOUT, text, device=match[2] or match[1], seconds=match[3])
    return _request(text, subsystem)


_PARSERS: dict[str, Callable[[str, str], KernelFault | None]] = {
    "A": _journal,
    "B": _buffer,
    "E": _ext4,
    "I": _task,
    "N": _lockup,
    "X": _xfs,
    "b": _request,
    "c": _request,
    "d": _request,
    "e": _request,
    "i": _request,
    "k": _request,
    "n": _driver,
    "o": _request,
    "p": _request,
    "r": _rcu,
    "s": _driver,
    "t": _request,
    "w": _lockup,
    "z": _request,
}
"""By the first letter: nearly all that a kernel prints begins with another, or is none of these."""
