"""KubeletHeartbeatStalled: the kubelet lives, and what it sends does not reach the API server."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.connections import dial, evidence, stall
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.heartbeat import KUBELET_HEARTBEAT_STALLED
from agent.model.condition import NODE, Finding, Severity
from agent.model.heartbeat import Calls, HeartbeatReport, Role, Trouble

REASONS = {
    Trouble.UNACKNOWLEDGED: "Unacknowledged",
    Trouble.WINDOW_CLOSED: "WindowClosed",
    Trouble.UNANSWERED: "Unanswered",
}


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.heartbeat
    for calls in () if report is None else report.calls:
        if report is not None and calls.caller.role is Role.KUBELET:
            yield from _of(report, calls)


def _of(report: HeartbeatReport, calls: Calls) -> Iterator[Finding]:
    stalled, unreachable = report.stalled(calls), report.unreachable(calls)
    who = calls.caller.who
    if stalled:
        first = stalled[0]
        reason = REASONS.get(first.trouble or Trouble.UNACKNOWLEDGED, "Unacknowledged")
        made = sum(1 for each in calls.connections if not each.connection.dialling)
        count = f" ({len(stalled)} of {made} connections)" if made > 1 else ""
        what = f"the heartbeat of {who} does not get out: {stall(report, first)}{count}"
    elif unreachable:
        reason = "DialRefused" if unreachable[0].refuses else "DialUnanswered"
        what = f"the heartbeat does not get out: {who} {dial(report, unreachable[0])}"
    else:
        return
    works = any(each.trouble is None and not each.connection.dialling for each in calls.connections)
    yield Finding(
        type=KUBELET_HEARTBEAT_STALLED.name,
        entity=NODE,
        reason=reason,
        message=what + ("; another connection works" if works else ""),
        evidence=tuple(evidence(report, calls, stalled, unreachable)),
        severity=Severity.WARNING if works else None,
    )


DETECTOR = Detector(condition=KUBELET_HEARTBEAT_STALLED, detect=_detect)
