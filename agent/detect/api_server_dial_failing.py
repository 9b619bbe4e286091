"""APIServerDialFailing: the API server dials an address that nobody answers at, or that refuses."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.connections import dial, evidence, stall
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.heartbeat import API_SERVER_DIAL_FAILING
from agent.model.condition import NODE, Finding
from agent.model.heartbeat import Calls, HeartbeatReport, Role

KUBELET = ":10250"
"""Of a node that has died, which is told as such and is no trouble of the API server's."""


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.heartbeat
    for calls in () if report is None else report.calls:
        if report is not None and calls.caller.role is Role.API_SERVER:
            yield from _of(report, calls)


def _of(report: HeartbeatReport, calls: Calls) -> Iterator[Finding]:
    stalled = tuple(each for each in report.stalled(calls) if _counts(each.connection.remote))
    unreachable = tuple(each for each in report.unreachable(calls) if _counts(each.remote))
    remotes = {each.remote for each in unreachable}
    remotes |= {each.connection.remote for each in stalled}
    if unreachable:
        reason = "Refused" if unreachable[0].refuses else "NobodyAnswers"
        what = f"the API server {dial(report, unreachable[0])}"
    elif stalled:
        reason, first = "Unacknowledged", stalled[0].connection.remote
        same = sum(1 for each in stalled if each.connection.remote == first)
        count = f" ({same} connections)" if same > 1 else ""
        what = f"the API server is not heard: {stall(report, stalled[0])}{count}"
    else:
        return
    if len(remotes) > 1:
        what += f"; and {len(remotes) - 1} more"
    yield Finding(
        type=API_SERVER_DIAL_FAILING.name,
        entity=NODE,
        reason=reason,
        message=what,
        evidence=tuple(evidence(report, calls, stalled, unreachable)),
    )


def _counts(remote: str) -> bool:
    return not remote.endswith(KUBELET)


DETECTOR = Detector(condition=API_SERVER_DIAL_FAILING, detect=_detect)
