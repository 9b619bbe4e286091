"""What the agent publishes: immutable, numbered, in the words of proto/agent/api/v1/event.proto."""

from __future__ import annotations

from dataclasses import dataclass

from agent.model.condition import Condition, Verity
from agent.model.exits import ContainerDeath
from agent.model.oom import Container, Disagreement, OOMIncident
from agent.model.pressure import Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class OOMRecorded:
    incident: OOMIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class OOMAmended:
    """The same incident with more evidence; replaces all earlier revisions."""

    incident: OOMIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDisagreement:
    """What the runtime says of the end of a container, and what the kernel counted in it, differ.
    Told once for each container and kind.
    """

    container: Container
    kind: Disagreement
    runtime_says: str
    kernel_says: str
    incident_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGap:
    source: str
    lost: int | None  # records; None: unknown
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    source: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalChange:
    state: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted:
    version: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionChanged:
    """The status of a condition, or the reason of its status, is another than before."""

    condition: Condition
    previous: Verity | None = None  # None: it was not known before


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureCrossed:
    """A trigger of the kernel fired for the first time; or, with `over`, not any more."""

    episode: Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRecorded:
    death: ContainerDeath


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitAmended:
    """The same death with more evidence; replaces all earlier revisions."""

    death: ContainerDeath


EventKind = (
    OOMRecorded
    | OOMAmended
    | RuntimeDisagreement
    | SourceGap
    | SourceChange
    | JournalChange
    | AgentStarted
    | ConditionChanged
    | PressureCrossed
    | ExitRecorded
    | ExitAmended
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One published event. Sequences rise by one within a stream, from 1."""

    stream_id: str
    sequence: int
    boot_id: str
    boottime_ns: int
    wall_ns: int
    kind: EventKind
