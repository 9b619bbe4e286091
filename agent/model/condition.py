"""What is wrong, for how long, and how we know: findings, and the conditions made of them."""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.oom import Container


class Severity(enum.Enum):
    """How urgent a condition is while it is True."""

    CRITICAL = "critical"  # wake somebody
    WARNING = "warning"  # look today
    INFO = "info"


class EntityKind(enum.Enum):
    NODE = "node"
    POD = "pod"
    CONTAINER = "container"
    SERVICE = "service"  # a unit or slice of the node


class Verity(enum.Enum):
    """A condition's status. True is bad."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"  # the source behind it is blind


class Entity(Struct, frozen=True, kw_only=True):
    """What a condition is about. `id`: pod UID, container id, unit; empty for the node."""

    kind: EntityKind
    id: str = ""
    names: Container | None = None  # of pods and containers, as far as known


NODE = Entity(kind=EntityKind.NODE)

EVENT_LASTS_SECONDS = 900.0
"""How long a condition that comes from an event holds after it, by default."""


class Evidence(Struct, frozen=True, kw_only=True):
    """One measured fact, in the kernel's own names: what, its value in words, where it was read."""

    what: str
    value: str
    source: str


class Finding(Struct, frozen=True, kw_only=True):
    """What one detector says of one entity at one tick: it is so. Not told: it is not so."""

    type: str  # of the catalogue
    entity: Entity
    reason: str  # one CamelCase word, from a small fixed set of the condition
    message: str  # one line for people, with the numbers
    evidence: tuple[Evidence, ...] = ()
    at_boottime_ns: int | None = None  # when the event behind it happened; None: now
    severity: Severity | None = None  # if it is less than the catalogue's
    also: tuple[str, ...] = ()  # reasons that hold besides: each that comes or goes is told


class ConditionType(Struct, frozen=True, kw_only=True):
    """One entry of the catalogue."""

    name: str  # CamelCase, never ...Ready
    severity: Severity  # the worst that it can be
    entity: EntityKind
    fires_when: str  # one sentence
    what_to_do: str
    sources: tuple[str, ...] = ()
    """All must see, else the condition is Unknown. "kmsg|trace": one of the two is enough."""
    raise_after_seconds: float = 0.0  # found without a break for so long, until it is True
    clear_after_seconds: float = 15.0  # not found for so long, until it is False
    lasts_seconds: float | None = None  # comes from an event: holds so long after the last finding
    setting: str = ""  # without this switch nobody judges it, and it does not exist


class Condition(Struct, frozen=True, kw_only=True):
    """A finding that lasted. Key: (type, entity kind, entity id)."""

    type: str
    entity: Entity
    status: Verity
    severity: Severity
    since_wall_ns: int  # when the status became what it is
    since_boottime_ns: int
    reason: str
    message: str
    evidence: tuple[Evidence, ...] = ()
    expires_wall_ns: int | None = None  # becomes False by then unless it is found again
    expires_boottime_ns: int | None = None
    revision: int = 1

    @property
    def key(self) -> tuple[str, EntityKind, str]:
        return self.type, self.entity.kind, self.entity.id
