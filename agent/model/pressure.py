"""Pressure stall information of the node and of kubepods: levels, triggers, and episodes."""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.cgroup import CgroupPlace
from agent.model.oom import Container
from agent.model.usage import Pressure


class Resource(enum.Enum):
    """What tasks wait for."""

    MEMORY = "memory"
    IO = "io"
    CPU = "cpu"


class Scope(enum.Enum):
    """Whose tasks wait."""

    NODE = "node"
    KUBEPODS = "kubepods"
    BURSTABLE = "burstable"  # kubepods' QoS groups; guaranteed pods have none of their own
    BESTEFFORT = "besteffort"


class Level(Struct, frozen=True, kw_only=True):
    """One pressure file as it was read."""

    scope: Scope
    resource: Resource
    pressure: Pressure


class TriggerState(Struct, frozen=True, kw_only=True):
    """The kernel wakes us when some task stalls for `stall_us` of `window_us`; or why not."""

    scope: Scope
    resource: Resource
    stall_us: int
    window_us: int
    armed: bool
    detail: str = ""  # why it is not armed, or is other than was asked for
    fired: int = 0  # since the agent started


class Episode(Struct, frozen=True, kw_only=True):
    """From the first firing of a trigger until it has been silent for the hold."""

    scope: Scope
    resource: Resource
    started_boottime_ns: int  # when the first firing was heard
    started_wall_ns: int
    last_boottime_ns: int  # of the last firing
    last_wall_ns: int
    avg10: float  # some, at the first firing; percent
    peak_avg10: float
    window_stall_us: int  # how long some task stalled before the first firing,
    window_us: int  # within this time
    stall_us: int = 0  # of the whole episode, the time before the first firing included
    fired: int = 1
    over: bool = False


class Thrash(Struct, frozen=True, kw_only=True):
    """A container or pod that reclaims at its limit again and again: a near miss."""

    place: CgroupPlace
    container: Container | None  # of a pod: its names without a container
    max_rises: int  # memory.events max and high, in the window
    high_rises: int
    window_seconds: float
    since_boottime_ns: int
    pressure: Pressure | None = None  # its memory.pressure; None: it cannot be read


class PressureReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    levels: tuple[Level, ...] = ()
    triggers: tuple[TriggerState, ...] = ()
    current: tuple[Episode, ...] = ()
    last: tuple[Episode, ...] = ()  # that are over, newest first
    thrashing: tuple[Thrash, ...] = ()
    absent: str = ""  # why the node's pressure cannot be read

    def level(self, scope: Scope, resource: Resource) -> Pressure | None:
        """None if it was not read."""
        for level in self.levels:
            if level.scope is scope and level.resource is resource:
                return level.pressure
        return None
