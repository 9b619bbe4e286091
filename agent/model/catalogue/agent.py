"""Conditions of the agent's own sight."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

AGENT_BLIND = ConditionType(
    name="AgentBlind",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="A source that should see does not, or one is missing that detection needs; a "
    "warning only while the rest still detects.",
    what_to_do="`nodectl status` names the source, the error, and what is not known without it.",
    raise_after_seconds=10.0,
)

TYPES = (AGENT_BLIND,)
