"""What the board's rows make AgentBlind say."""

from __future__ import annotations

import pytest

from agent.detect.agent_blind import DETECTOR
from agent.detect.scene import Scene
from agent.model.absence import Absence
from agent.model.condition import Severity
from agent.model.source import SourceHealth, SourceState


def source(name: str, state: SourceState, *, required: bool = False) -> SourceHealth:
    return SourceHealth(
        name=name,
        tells="things",
        required=required,
        state=state,
        since_wall_ns=1,
        absence=None if state is SourceState.UP else Absence.FAILED,
        detail="" if state is SourceState.UP else "EIO",
    )


UP = source("vmstat", SourceState.UP, required=True)
GONE = source("vmstat", SourceState.ABSENT, required=True)
DOWN = source("kmsg", SourceState.DOWN)
ABSENT = source("cri", SourceState.ABSENT)


@pytest.mark.parametrize(
    ("sources", "reason", "severity"),
    [
        ((UP, ABSENT), None, None),
        ((UP, DOWN), "SourceDown", Severity.WARNING),
        ((DOWN, GONE), "RequiredSourceDown", None),
    ],
)
def test_blind(
    sources: tuple[SourceHealth, ...], reason: str | None, severity: Severity | None
) -> None:
    """A host that has no runtime blinds nobody; a required source that is gone is critical."""
    found = list(DETECTOR.detect(Scene(now_boottime_ns=1, now_wall_ns=1, sources=sources)))
    told = [(finding.reason, finding.severity) for finding in found]
    assert told == ([] if reason is None else [(reason, severity)])


def test_all_are_named() -> None:
    """The worst in full, the others by name."""
    [found] = DETECTOR.detect(Scene(now_boottime_ns=1, now_wall_ns=1, sources=(DOWN, GONE)))
    assert found.message == (
        "blind to vmstat since 1970-01-01T00:00:00Z: it is absent: EIO; not known now: things; "
        "also kmsg"
    )
    assert [fact.what for fact in found.evidence] == ["kmsg", "vmstat"]
