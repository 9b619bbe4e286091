"""Made-up conditions for the tests of what is served."""

from __future__ import annotations

from agent.model.catalogue import CATALOGUE
from agent.model.catalogue.oom import HIDDEN_OOM_KILL
from agent.model.condition import Entity, EntityKind, Finding
from agent.model.oom import Container
from agent.serve.conditions import series
from agent.state.conditions import Conditions, Round

WHO = Container(namespace="shop", pod="web-0", pod_uid="uid-1", name="app", id="4f" * 32)


def hidden(container: Container = WHO, reason: str = "ProcessKilled") -> Finding:
    return Finding(
        type=HIDDEN_OOM_KILL.name,
        entity=Entity(kind=EntityKind.CONTAINER, id=container.id, names=container),
        reason=reason,
        message="worker[4711] was killed at its own limit of 2Gi",
    )


def judged(*findings: Finding, blind: dict[str, str] | None = None) -> Conditions:
    """After one round at one second of boot."""
    conditions = Conditions(CATALOGUE)
    conditions.judge(
        Round(now_boottime_ns=10**9, now_wall_ns=2 * 10**18, findings=findings, blind=blind)
    )
    return conditions


CONDITIONS = series(judged(hidden()))
