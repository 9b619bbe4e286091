"""The one explicit list of detectors; one for each entry of agent.model.catalogue."""

from __future__ import annotations

from agent.detect import (
    agent_blind,
    container_oom_killed,
    cpu_stall,
    crash_loop,
    dead_pod,
    eviction_crossed,
    eviction_imminent,
    ghost_container,
    hidden_oom_kill,
    hollow_container,
    io_stall,
    memory_stall,
    oom_books_unbalanced,
    oom_kills_unattributed,
    oom_loop,
    reclaim_thrash,
    restart_storm,
    runtime_disagrees,
    service_starved,
    service_throttled,
    undying_container,
)
from agent.detect.detector import Detector

DETECTORS: tuple[Detector, ...] = (
    agent_blind.DETECTOR,
    container_oom_killed.DETECTOR,
    cpu_stall.DETECTOR,
    crash_loop.DETECTOR,
    dead_pod.DETECTOR,
    eviction_crossed.DETECTOR,
    eviction_imminent.DETECTOR,
    ghost_container.DETECTOR,
    hidden_oom_kill.DETECTOR,
    hollow_container.DETECTOR,
    io_stall.DETECTOR,
    memory_stall.DETECTOR,
    oom_books_unbalanced.DETECTOR,
    oom_kills_unattributed.DETECTOR,
    oom_loop.DETECTOR,
    reclaim_thrash.DETECTOR,
    restart_storm.DETECTOR,
    runtime_disagrees.DETECTOR,
    service_starved.DETECTOR,
    service_throttled.DETECTOR,
    undying_container.DETECTOR,
)
