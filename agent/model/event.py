"""What the agent publishes: immutable, numbered, in the words of proto/agent/api/v1/event.proto."""

from __future__ import annotations

from msgspec import Struct

from agent.model.condition import Condition, Verity
from agent.model.exits import ContainerDeath
from agent.model.oom import Container, Disagreement, OOMIncident
from agent.model.pressure import Episode


class OOMRecorded(Struct, frozen=True, kw_only=True):
    incident: OOMIncident


class OOMAmended(Struct, frozen=True, kw_only=True):
    """The same incident with more evidence; replaces all earlier revisions."""

    incident: OOMIncident


class RuntimeDisagreement(Struct, frozen=True, kw_only=True):
    """What the runtime says of the end of a container, and what the kernel counted in it, differ.
    Told once for each container and kind.
    """

    container: Container
    kind: Disagreement
    runtime_says: str
    kernel_says: str
    incident_ids: tuple[str, ...] = ()


class SourceGap(Struct, frozen=True, kw_only=True):
    source: str
    lost: int | None  # records; None: unknown
    detail: str


class SourceChange(Struct, frozen=True, kw_only=True):
    source: str
    up: bool
    detail: str


class JournalChange(Struct, frozen=True, kw_only=True):
    state: str
    detail: str


class AgentStarted(Struct, frozen=True, kw_only=True):
    version: str
    pid: int


class ConditionChanged(Struct, frozen=True, kw_only=True):
    """The status of a condition, or the reason of its status, is another than before."""

    condition: Condition
    previous: Verity | None = None  # None: it was not known before


class PressureCrossed(Struct, frozen=True, kw_only=True):
    """A trigger of the kernel fired for the first time; or, with `over`, not any more."""

    episode: Episode


class ExitRecorded(Struct, frozen=True, kw_only=True):
    death: ContainerDeath


class ExitAmended(Struct, frozen=True, kw_only=True):
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


class Event(Struct, frozen=True, kw_only=True):
    """One published event. Sequences rise by one within a stream, from 1."""

    stream_id: str
    sequence: int
    boot_id: str
    boottime_ns: int
    wall_ns: int
    kind: EventKind
