"""Which of the blocked tasks wait for a disk: those that are shown to, and those that may.

A pod sees few devices: that one is in its mount table shows enough. The host's own mount table has
nearly all of them, so that a task of the host must have something open there. Neither holds of who
waits for a server: what an NFS or FUSE mount does not answer is no disk of this node.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agent.derive.disk_chain import disk_chain
from agent.detect.blocked import owner
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.disks import DiskState

_SERVERS = ("rpc_", "nfs", "ceph_", "cifs_", "smb2_", "fuse_", "request_wait_answer", "p9_", "afs_")
"""How the functions begin that wait for the answers of one."""


class Waiters(Struct, frozen=True, kw_only=True):
    """The longest first."""

    shown: tuple[BlockedTask, ...] = ()
    perhaps: tuple[BlockedTask, ...] = ()
    """Have waited for too long, and it is not known that they do not wait for this."""


def waiters(report: BlockedReport | None, disk: DiskState, disks: Iterable[DiskState]) -> Waiters:
    """Of the disk, and of what lies on it."""
    if report is None:
        return Waiters()
    ids = _with_what_lies_on_it(disk, tuple(disks))
    tasks = tuple(task for task in report.tasks if not task.kernel and not _waits_for_server(task))
    near = {_sharers(task) for task in tasks if _has(task, ids)}
    shown = tuple(task for task in tasks if _sharers(task) in near)
    late = set(map(id, report.stuck())) - set(map(id, shown))
    perhaps = tuple(task for task in tasks if id(task) in late and _may_have(task, ids))
    return Waiters(shown=shown, perhaps=perhaps)


def _with_what_lies_on_it(disk: DiskState, disks: tuple[DiskState, ...]) -> frozenset[str]:
    """Numbers, those of partitions too: what is mounted is what lies on top."""
    above = [
        state.disk
        for state in disks
        if any(each.disk.id == disk.disk.id for each in disk_chain(state.disk.id, disks))
    ]
    return frozenset(number for each in above for number in (each.id, *each.part_ids))


def _sharers(task: BlockedTask) -> str | int:
    """Who has the same mount table, of a pod; who has the same descriptors, of the host."""
    return task.task.pid if task.names is None else owner(task)


def _has(task: BlockedTask, ids: frozenset[str]) -> bool:
    if task.names is not None and ids & (task.devices or frozenset()):
        return True
    return bool(ids & task.opened)


def _may_have(task: BlockedTask, ids: frozenset[str]) -> bool:
    return task.devices is None or bool(ids & task.devices)


def _waits_for_server(task: BlockedTask) -> bool:
    return any(frame.startswith(_SERVERS) for frame in (task.task.wchan, *task.task.stack))
