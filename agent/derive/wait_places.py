"""What the kernel's functions that a task sleeps in say of what it waits for: a server, or a disk.

Who waits in neither may wait for a lock, and who has that for either.
"""

from __future__ import annotations

from agent.model.afterlife import Task

_SERVERS = ("rpc_", "nfs", "ceph_", "cifs_", "smb2_", "fuse_", "request_wait_answer", "p9_", "afs_")
"""How the functions begin that wait for the answers of one."""

_BLOCK_IO = (
    "io_schedule",
    "bit_wait_io",
    # pages and buffers
    "folio_wait",
    "wait_on_page",
    "__lock_buffer",
    "__wait_on_buffer",
    "wait_on_buffer",
    "wb_wait",
    "balance_dirty_pages",
    # requests
    "submit_bio",
    "blk_",
    "bio_",
    "__bio_queue_enter",
    "rq_qos_wait",
    "dio_",
    "__iomap_dio_rw",
    # what lies between
    "dm_",
    "md_",
    "raid5_",
    # logs of file systems
    "jbd2_",
    "do_get_write_access",
    "wait_transaction_locked",
    "add_transaction_credits",
    "xfs_buf_",
    "xfs_log_",
    "xlog_",
)
"""How those begin that wait for a disk, or for what only a disk holds up."""


_SYNC = ("jbd2_log_wait_commit", "xfs_log_", "xlog_", "submit_bio_wait", "blkdev_issue_flush")
"""How those begin that fsync(2) sleeps in once the data is written: for a log, or for a flush."""


def waits_for_sync(task: Task) -> bool:
    """For the log of a file system to be written, or for a disk to flush."""
    return _sleeps_in(task, _SYNC)


def waits_for_server(task: Task) -> bool:
    """A page of a network file system is waited for as one of a disk is: the stack tells."""
    return _sleeps_in(task, _SERVERS)


def waits_for_block_io(task: Task) -> bool:
    """Of a task that waits for no server."""
    return _sleeps_in(task, _BLOCK_IO)


def _sleeps_in(task: Task, beginnings: tuple[str, ...]) -> bool:
    return any(frame.startswith(beginnings) for frame in (task.wchan, *task.stack))
