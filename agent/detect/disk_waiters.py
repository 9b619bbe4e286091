"""Which of the blocked tasks wait for a disk: those that are shown to, and those that may.

A pod sees few devices: that one is in its mount table shows enough. The host's own mount table has
nearly all of them, so that a task of the host must have something open there. Neither holds of who
waits for a server: what an NFS or FUSE mount does not answer is no disk of this node.

What was not read proves nothing, and neither does a descriptor that is missing: who stats a path or
faults in a page of a program has none. So of those that may some are suspects, which keep a stall
as grave as if they were shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agent.derive.disk_chain import disk_chain
from agent.derive.wait_places import waits_for_block_io, waits_for_server
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.disks import DiskState


class Waiters(Struct, frozen=True, kw_only=True):
    """The longest first."""

    shown: tuple[BlockedTask, ...] = ()
    perhaps: tuple[BlockedTask, ...] = ()
    """Have waited for too long, and it is not known that they do not wait for this."""
    suspects: tuple[BlockedTask, ...] = ()
    """Of `perhaps`, those that wait for some disk, or of which it could not be read for which."""
    unseen: int | None = 0  # blocked tasks that were not looked at; None: none was


class _Reach(Struct, frozen=True, kw_only=True):
    """What was read of one that shares its devices, holds for all. None: of nobody."""

    devices: frozenset[str] | None = None
    opened: frozenset[str] | None = None


def waiters(report: BlockedReport | None, disk: DiskState, disks: Iterable[DiskState]) -> Waiters:
    """Of the disk, and of what lies on it."""
    if report is None:
        return Waiters(unseen=None)
    ids = _with_what_lies_on_it(disk, tuple(disks))
    tasks = tuple(t for t in report.tasks if not t.kernel and not waits_for_server(t.task))
    reach: dict[str | int, _Reach] = {}
    for task in tasks:
        reach[task.sharers] = _more(reach.get(task.sharers, _Reach()), task)
    shown, perhaps, suspects = [], [], []
    late = set(map(id, report.stuck()))
    for task in tasks:
        known = reach[task.sharers]
        if _has(task, known, ids):
            shown.append(task)
        elif id(task) in late and (known.devices is None or ids & known.devices):
            perhaps.append(task)
            unread = known.devices is None or known.opened is None
            if unread or waits_for_block_io(task.task):
                suspects.append(task)
    return Waiters(
        shown=tuple(shown), perhaps=tuple(perhaps), suspects=tuple(suspects), unseen=report.more
    )


def _with_what_lies_on_it(disk: DiskState, disks: tuple[DiskState, ...]) -> frozenset[str]:
    """Numbers, those of partitions too: what is mounted is what lies on top."""
    above = [
        state.disk
        for state in disks
        if any(each.disk.id == disk.disk.id for each in disk_chain(state.disk.id, disks))
    ]
    return frozenset(number for each in above for number in (each.id, *each.part_ids))


def _more(known: _Reach, task: BlockedTask) -> _Reach:
    return _Reach(
        devices=_both(known.devices, task.devices), opened=_both(known.opened, task.opened)
    )


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return other if one is None else one if other is None else one | other


def _has(task: BlockedTask, known: _Reach, ids: frozenset[str]) -> bool:
    if task.names is not None and ids & (known.devices or frozenset()):
        return True
    return bool(ids & (known.opened or frozenset()))
