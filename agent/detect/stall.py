"""What the detectors of the node's stalls have in common: the worst scope, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.scene import Scene
from agent.model.condition import NODE, ConditionType, Evidence, Finding
from agent.model.pressure import Level, PressureReport, Resource, Scope

NODE_FILE = "/proc/pressure"


def full(level: Level) -> float:
    """All tasks that had work waited; percent of ten seconds."""
    return level.pressure.full_avg10 or 0.0


def some(level: Level) -> float:
    """Some task waited; percent of ten seconds."""
    return level.pressure.some_avg10


def worst(report: PressureReport, resource: Resource, scopes: tuple[Scope, ...]) -> Level | None:
    """The level that stalls most of these scopes."""
    levels = [x for x in report.levels if x.resource is resource and x.scope in scopes]
    return max(levels, key=lambda level: (full(level), some(level)), default=None)


def finding(scene: Scene, kind: ConditionType, level: Level, told: str) -> Finding:
    """The node's, with the levels of every scope as evidence."""
    report = scene.pressure
    assert report is not None
    episode = next(
        (e for e in report.current if (e.scope, e.resource) == (level.scope, level.resource)), None
    )
    since = ""
    if episode is not None:
        age = max(0.0, (scene.now_boottime_ns - episode.started_boottime_ns) / 1e9)
        since = f", since {age:.0f} s"
    return Finding(
        type=kind.name,
        entity=NODE,
        reason="Node" if level.scope is Scope.NODE else "Kubepods",
        message=f"{level.resource.value} pressure of {level.scope.value}: {told}{since}",
        evidence=tuple(_evidence(report, level.resource)),
    )


def _evidence(report: PressureReport, resource: Resource) -> Iterator[Evidence]:
    for level in report.levels:
        if level.resource is resource:
            node = level.scope is Scope.NODE
            pressure = level.pressure
            known = "" if pressure.full_avg10 is None else f", full {pressure.full_avg10:.2f}"
            yield Evidence(
                what=f"{level.scope.value} {resource.value}",
                value=f"some avg10 {pressure.some_avg10:.2f}{known}",
                source=f"{NODE_FILE}/{resource.value}" if node else f"{resource.value}.pressure",
            )
