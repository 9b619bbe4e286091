"""AgentBlind: a source does not see that should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.agent import AGENT_BLIND
from agent.model.condition import NODE, Evidence, Finding, Severity
from agent.model.source import SourceHealth, SourceState


def _detect(scene: Scene) -> Iterator[Finding]:
    """What the host does not have blinds nobody, unless detection needs it."""
    blind = [
        source
        for source in scene.sources
        if source.state is SourceState.DOWN
        or (source.required and source.state is not SourceState.UP)
    ]
    if not blind:
        return
    worst = next((source for source in blind if source.required), blind[0])
    others = ", ".join(source.name for source in blind if source is not worst)
    yield Finding(
        type=AGENT_BLIND.name,
        entity=NODE,
        reason="RequiredSourceDown" if worst.required else "SourceDown",
        message=f"blind to {worst.name} since {_time(worst)}: it is {worst.state.value}: "
        f"{worst.detail or 'no reason given'}; not known now: {worst.tells}"
        + (f"; also {others}" if others else ""),
        evidence=tuple(
            Evidence(
                what=source.name,
                value=f"{source.detail or source.state.value}; since {_time(source)}",
                source="the agent",
            )
            for source in blind
        ),
        severity=None if worst.required else Severity.WARNING,
    )


def _time(source: SourceHealth) -> str:
    then = datetime.fromtimestamp(source.since_wall_ns // 10**9, UTC)
    return f"{then:%Y-%m-%dT%H:%M:%SZ}"


DETECTOR = Detector(condition=AGENT_BLIND, detect=_detect)
