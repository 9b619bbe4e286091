"""DiskStalled: a block device has requests and ends none."""

from __future__ import annotations

from collections.abc import Iterator

from agent.derive.disk_chain import disk_chain
from agent.detect.blocked import evidence, owners, where
from agent.detect.detector import Detector
from agent.detect.disk_waiters import Waiters, waiters
from agent.detect.disk_words import name_of, user_of
from agent.detect.kernel_log import said, said_of_disks
from agent.detect.scene import Scene
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.catalogue.io import DISK_STALLED
from agent.model.condition import NODE, Evidence, Finding, Severity
from agent.model.disks import DiskReport, DiskState


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.disks
    if report is None:
        return
    stalled = report.stalled()
    if not stalled:
        return
    worst = _cause(stalled, report.disks)
    waiting = waiters(scene.blocked, worst, report.disks)
    yield Finding(
        type=DISK_STALLED.name,
        entity=NODE,
        reason="Suspended" if worst.suspended else "NoCompletion",
        message=_message(report, stalled, worst, waiting),
        evidence=(
            *_evidence(report, stalled, scene.blocked, (*waiting.shown, *waiting.suspects)),
            *said(scene, said_of_disks(scene, stalled)),
        ),
        severity=None if _somebody_waits(waiting) else Severity.WARNING,
    )


def _somebody_waits(waiting: Waiters) -> bool:
    """For all that is known. Only who is known not to makes it less."""
    return bool(waiting.shown or waiting.suspects) or waiting.unseen != 0


def _cause(stalled: tuple[DiskState, ...], disks: tuple[DiskState, ...]) -> DiskState:
    """The one with nothing beneath it that stalls too: what lies on it waits for it."""
    ids = {state.disk.id for state in stalled}
    for state in stalled:
        beneath = {each.disk.id for each in disk_chain(state.disk.id, disks)} - {state.disk.id}
        if not ids & beneath:
            return state
    return stalled[0]


def _message(
    report: DiskReport,
    stalled: tuple[DiskState, ...],
    worst: DiskState,
    waiting: Waiters,
) -> str:
    told = [f"{name_of(worst)} {_what(report, worst)}"]
    shown, perhaps = waiting.shown, waiting.perhaps
    if shown:
        count = f"{len(shown)} tasks wait" if len(shown) > 1 else "1 task waits"
        of = f" ({owners(shown)})" if len(shown) > 1 else ""
        told.append(f"{count}, {where(shown[0])}{of}")
    if perhaps:
        more = " more" if shown else ""
        count = f"{len(perhaps)}{more} blocked task{'s' if len(perhaps) > 1 else ''}"
        told.append(f"{count} may wait for it ({owners(perhaps)})")
    if waiting.unseen is None:
        told.append("who waits for it is not known")
    elif waiting.unseen and not shown:
        told.append(f"{waiting.unseen} more tasks in state D were not looked at")
    users = ", ".join(dict.fromkeys(user_of(user) for user in worst.users))
    if users:
        told.append(f"lately used by {users}")
    told.extend(_not_counted(report, worst))
    others = ", ".join(s.disk.name for s in stalled if s is not worst)
    if others:
        told.append(f"{others} as well")
    return "; ".join(told)


def _what(report: DiskReport, state: DiskState) -> str:
    seconds = f"{report.stuck_seconds(state):.0f} s"
    if state.suspended:
        return f"is suspended by device-mapper for {seconds}"
    count = "1 request" if state.in_flight == 1 else f"{state.in_flight} requests"
    return f"has {count} in flight and has ended none for {seconds}"


def _not_counted(report: DiskReport, worst: DiskState) -> Iterator[str]:
    """Either it holds them back itself, or what lies beneath is the cause all the same: of the
    requests in flight the kernel leaves out flushes (blk_mq_check_inflight, Linux 6.1).
    """
    beneath = [s for s in disk_chain(worst.disk.id, report.disks) if s.disk.id != worst.disk.id]
    if beneath and not worst.suspended and not any(state.in_flight for state in beneath):
        names = ", ".join(state.disk.name for state in beneath)
        yield f"{names} beneath it has none in flight, but perhaps a flush, which is not counted"


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
            value = f"{user_of(user)}: {user.written_bytes_per_second:.0f} bytes/s written, "
            value += f"{user.read_bytes_per_second:.0f} read"
            yield Evidence(what="user", value=value, source="io.stat")
    if blocked is not None:
        yield from evidence(blocked, waiting)


DETECTOR = Detector(condition=DISK_STALLED, detect=_detect)
