"""What the detectors of disks and of tasks have in common: lines of the kernel's log as evidence.

A line counts for fifteen minutes; that a file system was given up, until it is mounted anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent.derive.disk_chain import disk_chain
from agent.detect.scene import Scene
from agent.detect.tasks import seconds
from agent.model.condition import EVENT_LASTS_SECONDS, Evidence
from agent.model.disks import DiskState, is_part
from agent.model.faults import BROKEN, FaultKind, FaultSum

SOURCE = "/dev/kmsg"
MAX_LINES = 8

_REMOVABLE = re.compile(r"(fd|sr)[0-9]+")
"""A drive without a disk or with a bad one, which a virtual machine has from its birth."""


def counts(scene: Scene, each: FaultSum) -> bool:
    """Whether it was said lately, or holds until something else is said."""
    age_ns = scene.now_boottime_ns - each.last_boottime_ns
    return each.last.kind in BROKEN or age_ns < EVENT_LASTS_SECONDS * 1e9


def of_disks(scene: Scene) -> tuple[FaultSum, ...]:
    """What was said lately of disks and file systems, drives for removable ones left out."""
    return tuple(
        each
        for each in scene.faults.of_disks()
        if counts(scene, each) and not _REMOVABLE.fullmatch(each.last.device)
    )


def said_of_disks(scene: Scene, states: tuple[DiskState, ...]) -> tuple[FaultSum, ...]:
    """What was said lately of these disks, their partitions, and what lies beneath: of a disk there
    not the partitions of others.
    """
    whole = {state.disk.name for state in states}
    names = set(whole)
    for state in states:
        for each in disk_chain(state.disk.id, scene.disks.disks if scene.disks else ()):
            names |= {each.disk.name, *each.disk.beneath}
    return tuple(
        each
        for each in of_disks(scene)
        if each.last.device in names or any(is_part(name, each.last.device) for name in whole)
    )


def said_of_tasks(scene: Scene, pids: Iterable[int]) -> tuple[FaultSum, ...]:
    """What was said lately of tasks with these thread ids that hang."""
    wanted = frozenset(pids)
    return tuple(
        each
        for each in scene.faults.of_tasks()
        if each.last.kind is FaultKind.HUNG_TASK and each.last.pid in wanted and counts(scene, each)
    )


def said(scene: Scene, sums: Iterable[FaultSum]) -> Iterator[Evidence]:
    """One for each: how often, when last, and the line itself."""
    sums = tuple(sums)
    for each in sums[:MAX_LINES]:
        often = "once" if each.count == 1 else f"{each.count} times"
        ago = seconds(each.last_boottime_ns, scene.now_boottime_ns)
        value = f"{often}, the last {ago} ago: {each.last.text}"
        yield Evidence(what="kernel log", value=value, source=SOURCE)
    if len(sums) > MAX_LINES:
        more = f"{len(sums) - MAX_LINES} more of other devices or tasks"
        yield Evidence(what="kernel log", value=more, source=SOURCE)
