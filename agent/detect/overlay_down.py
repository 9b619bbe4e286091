"""OverlayDown: a device that carried packets to other nodes is gone, or down."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import OVERLAY_DOWN
from agent.model.condition import NODE, Evidence, Finding, Severity
from agent.model.plumbing import Overlay, OverlayState

OF_CNIS = (
    "antrea",
    "cali",
    "cilium",
    "flannel",
    "kilo",
    "kube",
    "weave",
    "wireguard.cali",
    "wg-v6.cali",
)
"""What CNIs call a wireguard; any other one may be somebody's VPN."""


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    if report is None:
        return
    wrong = [each for each in report.overlays if each.state is not OverlayState.UP]
    if not wrong:
        return
    wrong.sort(key=lambda each: (_is_vpn(each), each.since_boottime_ns, each.name))
    told = (
        f"{each.name} ({each.kind}) {_how(each)} for {report.seconds(each.since_boottime_ns):.0f} s"
        for each in wrong
    )
    worst = wrong[0]
    yield Finding(
        type=OVERLAY_DOWN.name,
        entity=NODE,
        reason="Vanished" if worst.state is OverlayState.VANISHED else "Down",
        message="; ".join(told),
        evidence=tuple(
            Evidence(
                what=f"{each.kind} {each.name}",
                value=_how(each),
                source="RTM_GETLINK",
            )
            for each in report.overlays
        ),
        severity=Severity.WARNING if _is_vpn(worst) else None,
    )


def _is_vpn(overlay: Overlay) -> bool:
    return overlay.kind == "wireguard" and not overlay.name.startswith(OF_CNIS)


def _how(overlay: Overlay) -> str:
    match overlay.state:
        case OverlayState.UP:
            return "is up"
        case OverlayState.DOWN:
            return "is down"
        case OverlayState.VANISHED:
            return "has vanished"


DETECTOR = Detector(condition=OVERLAY_DOWN, detect=_detect)
