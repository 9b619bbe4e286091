"""DiskStalled: a block device has requests and ends none."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.blocked import evidence, owner, owners, where
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.catalogue.io import DISK_STALLED
from agent.model.condition import NODE, Evidence, Finding, Severity
from agent.model.disks import DiskReport, DiskState, DiskUser


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.disks
    if report is None:
        return
    stalled = report.stalled()
    if not stalled:
        return
    worst = _cause(stalled)
    waiting = _waiting(scene.blocked, worst)
    yield Finding(
        type=DISK_STALLED.name,
        entity=NODE,
        reason="Suspended" if worst.suspended else "NoCompletion",
        message=_message(report, stalled, worst, scene.blocked, waiting),
        evidence=tuple(_evidence(report, stalled, scene.blocked, waiting)),
        severity=None if waiting else Severity.WARNING,
    )


def _cause(stalled: tuple[DiskState, ...]) -> DiskState:
    """The one with nothing beneath it that stalls too: what lies on it waits for it."""
    names = {state.disk.name for state in stalled}
    return next((s for s in stalled if not names & set(s.disk.beneath)), stalled[0])


def _waiting(report: BlockedReport | None, state: DiskState) -> tuple[BlockedTask, ...]:
    """Those that wait and have it in their mount table; if that is known of none, all that wait."""
    if report is None:
        return ()
    tasks = tuple(task for task in report.tasks if not task.kernel)
    ids = {state.disk.id, *state.disk.part_ids}
    near = {owner(task) for task in tasks if task.devices & ids and task.names is not None}
    return tuple(task for task in tasks if owner(task) in near) or tasks


def _message(
    report: DiskReport,
    stalled: tuple[DiskState, ...],
    worst: DiskState,
    blocked: BlockedReport | None,
    waiting: tuple[BlockedTask, ...],
) -> str:
    told = [f"{_name(worst)} {_what(report, worst)}"]
    if waiting and blocked is not None:
        count = f"{len(waiting)} tasks wait" if len(waiting) > 1 else "1 task waits"
        of = f" ({owners(waiting)})" if len(waiting) > 1 else ""
        told.append(f"{count}, {where(waiting[0])}{of}")
    users = ", ".join(dict.fromkeys(_user(user) for user in worst.users))
    if users:
        told.append(f"lately used by {users}")
    others = ", ".join(s.disk.name for s in stalled if s is not worst)
    if others:
        told.append(f"{others} as well")
    return "; ".join(told)


def _name(state: DiskState) -> str:
    """ "dm-0 (device-mapper vg0-data on sda), mounted at /data,"."""
    disk = state.disk
    what = f"{disk.kind.value} {disk.label}".rstrip()
    on = f" on {', '.join(disk.beneath)}" if disk.beneath else ""
    mounts = f", mounted at {', '.join(disk.mounts[:2])}," if disk.mounts else ""
    return f"{disk.name} ({what}{on}){mounts}"


def _what(report: DiskReport, state: DiskState) -> str:
    seconds = f"{report.stuck_seconds(state):.0f} s"
    if state.suspended:
        return f"is suspended by device-mapper for {seconds}"
    count = "1 request" if state.in_flight == 1 else f"{state.in_flight} requests"
    return f"has {count} in flight and has ended none for {seconds}"


def _user(user: DiskUser) -> str:
    names = user.names
    if names is not None and (names.pod or names.pod_uid):
        return f"{names.namespace or '?'}/{names.pod or names.pod_uid}"
    return user.unit or "no unit"


def _evidence(
    report: DiskReport,
    stalled: tuple[DiskState, ...],
    blocked: BlockedReport | None,
    waiting: tuple[BlockedTask, ...],
) -> Iterator[Evidence]:
    for state in stalled:
        name = state.disk.name
        if state.suspended:
            yield Evidence(what="suspended", value="1", source=f"/sys/block/{name}/dm/suspended")
        value = f"{name}: {state.in_flight} in flight, none ended for "
        value += f"{report.stuck_seconds(state):.0f} s"
        yield Evidence(what="in flight", value=value, source="/proc/diskstats")
        if state.disk.mounts:
            value = f"{name} at {', '.join(state.disk.mounts)}"
            yield Evidence(what="mounted", value=value, source="/proc/1/mountinfo")
        for user in state.users:
            value = f"{_user(user)}: {user.written_bytes_per_second:.0f} bytes/s written, "
            value += f"{user.read_bytes_per_second:.0f} read"
            yield Evidence(what="user", value=value, source="io.stat")
    if blocked is not None:
        yield from evidence(blocked, waiting)


DETECTOR = Detector(condition=DISK_STALLED, detect=_detect)
