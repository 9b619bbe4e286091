"""PortsExhausted: the host can hardly open another connection to one peer."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import PORTS_EXHAUSTED
from agent.model.condition import NODE, Evidence, Finding, Severity
from agent.model.plumbing import ALMOST_FULL, PORTS_FULL


def _detect(scene: Scene) -> Iterator[Finding]:
    ports = None if scene.plumbing is None else scene.plumbing.ports
    if ports is None or ports.fill < ALMOST_FULL:
        return
    full = ports.fill >= PORTS_FULL
    host = f"[{ports.destination}]" if ":" in ports.destination else ports.destination
    yield Finding(
        type=PORTS_EXHAUSTED.name,
        entity=NODE,
        reason="Exhausted" if full else "AlmostExhausted",
        message=f"{ports.used:,} of {ports.total:,} local ports are taken ({ports.fill:.0%}) by "
        f"connections from {ports.source} to {host}:{ports.port}",
        evidence=(
            Evidence(
                what="local ports",
                value=f"{ports.used} from {ports.source} to {host}:{ports.port}",
                source="sock_diag",
            ),
            Evidence(what="sockets of TCP", value=str(ports.sockets), source="/proc/net/sockstat"),
            Evidence(
                what="range",
                value=f"{ports.total} ports",
                source="/proc/sys/net/ipv4/ip_local_port_range",
            ),
        ),
        severity=None if full else Severity.WARNING,
    )


DETECTOR = Detector(condition=PORTS_EXHAUSTED, detect=_detect)
