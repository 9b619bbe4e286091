"""The one explicit list of detectors; one for each entry of agent.model.catalogue."""

from __future__ import annotations

from agent.detect import (
    agent_blind,
    container_oom_killed,
    eviction_crossed,
    eviction_imminent,
    hidden_oom_kill,
    oom_books_unbalanced,
    oom_kills_unattributed,
    runtime_disagrees,
)
from agent.detect.detector import Detector

DETECTORS: tuple[Detector, ...] = (
    agent_blind.DETECTOR,
    container_oom_killed.DETECTOR,
    eviction_crossed.DETECTOR,
    eviction_imminent.DETECTOR,
    hidden_oom_kill.DETECTOR,
    oom_books_unbalanced.DETECTOR,
    oom_kills_unattributed.DETECTOR,
    runtime_disagrees.DETECTOR,
)
