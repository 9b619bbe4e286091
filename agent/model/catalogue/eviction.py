"""Conditions of what is left before the kubelet evicts."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

EVICTION_IMMINENT = ConditionType(
    name="EvictionImminent",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="An eviction threshold of the kubelet will be crossed within five minutes at "
    "the present trend, or memory.available is within 2 % of the node's memory of it.",
    what_to_do="`nodectl memory` names who eats: give that workload a limit, or move it, "
    "before the kubelet chooses a pod itself.",
    sources=("node-memory",),
    raise_after_seconds=3.0,
    clear_after_seconds=30.0,
)
EVICTION_THRESHOLD_CROSSED = ConditionType(
    name="EvictionThresholdCrossed",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="What the kubelet computes for an eviction signal is below its threshold.",
    what_to_do="The kubelet evicts pods until it is above again: free memory or disk at "
    "once, or cordon the node; `nodectl memory` names who eats.",
    sources=("node-memory",),
    clear_after_seconds=30.0,
)

TYPES = (EVICTION_IMMINENT, EVICTION_THRESHOLD_CROSSED)
