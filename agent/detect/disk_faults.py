"""What DiskErrors and FilesystemFailed have in common: the worst of what the kernel's log says.

Two conditions of the same lines: that requests fail is for the day, and may be over; that a file
system takes no more writes, or nothing at all, is for now, and lasts.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.disk_words import name_of, user_of
from agent.detect.kernel_log import said
from agent.detect.scene import Scene
from agent.model.condition import NODE, ConditionType, Evidence, Finding
from agent.model.faults import FaultKind, FaultSum

_WORDS = {
    FaultKind.SHUTDOWN: ("ShutDown", "has a file system that the kernel has shut down"),
    FaultKind.READ_ONLY: ("ReadOnly", "has a file system that takes no more writes"),
    FaultKind.FILESYSTEM: ("FilesystemError", "has a file system in error"),
    FaultKind.MEDIUM: ("MediumError", "has a medium that is bad in places"),
    FaultKind.BUFFER: ("IOError", "does not read or write all blocks"),
    FaultKind.REQUEST: ("IOError", "fails requests"),
    FaultKind.TIMEOUT: ("Timeout", "leaves its driver waiting for commands"),
}
"""The reason, and what it means. The worst first."""
_WORST = {kind: rank for rank, kind in enumerate(_WORDS)}


def finding(
    scene: Scene, kind: ConditionType, sums: tuple[FaultSum, ...], *, at: int | None
) -> Finding:
    """Of the node. `at`: when the newest of these lines was written, if the condition lasts from it
    on.
    """
    sums = tuple(sorted(sums, key=lambda each: (_WORST[each.last.kind], -each.last_boottime_ns)))
    worst = sums[0]
    reason, words = _WORDS[worst.last.kind]
    return Finding(
        type=kind.name,
        entity=NODE,
        reason=reason,
        message=_message(scene, sums, words),
        evidence=(*said(scene, sums), *_mounted(scene, sums)),
        at_boottime_ns=at,
    )


def _message(scene: Scene, sums: tuple[FaultSum, ...], words: str) -> str:
    worst = sums[0]
    state = None if scene.disks is None else scene.disks.behind(worst.last.device)
    device = worst.last.device
    if state is not None:
        whole = name_of(state)
        device = whole if state.disk.name == device else f"{device} of {whole}"
    told = [f'{device} {words}: "{worst.last.text}"']
    users = () if state is None else tuple(dict.fromkeys(map(user_of, state.users)))
    if users:
        told.append(f"lately used by {', '.join(users)}")
    others = dict.fromkeys(each.last.device for each in sums)
    others.pop(worst.last.device)
    if others:
        told.append(f"the kernel complains of {', '.join(others)} as well")
    return "; ".join(told)


def _mounted(scene: Scene, sums: tuple[FaultSum, ...]) -> Iterator[Evidence]:
    """Where the disks behind are, each once."""
    if scene.disks is None:
        return
    found = (scene.disks.behind(device) for device in {each.last.device: 0 for each in sums})
    for disk in dict.fromkeys(state.disk for state in found if state is not None):
        if disk.mounts:
            value = f"{disk.name} at {', '.join(disk.mounts)}"
            yield Evidence(what="mounted", value=value, source="/proc/1/mountinfo")
