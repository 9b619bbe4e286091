"""What the fold remembers of one condition: when it was found and not found, and what was told."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from agent.model.condition import (
    Condition,
    ConditionType,
    Entity,
    EntityKind,
    Finding,
    Severity,
    Verity,
)

BLIND_AFTER_NS = 10 * 10**9
"""A source must be blind for so long before a condition is Unknown: some are reopened at once."""

SOURCE_BLIND, CLEARED, EXPIRED, NOT_FOUND = "SourceBlind", "Cleared", "Expired", "NotFound"


class Moment(Struct, frozen=True, kw_only=True):
    boottime_ns: int
    wall_ns: int

    def at(self, boottime_ns: int) -> int:
        """The wall time of another moment of this boot."""
        return self.wall_ns - (self.boottime_ns - boottime_ns)


class Track(Struct, kw_only=True):
    """One key. `condition` is None while it was never True: it is being held, and nobody knows."""

    kind: ConditionType
    entity: Entity
    condition: Condition | None = None
    found_since_ns: int | None = None  # without a break
    absent_since_ns: int | None = None  # seen, and not found, since it was found last
    blind_since_ns: int | None = None  # without a break
    expires_ns: int | None = None  # of what comes from an event
    told_ns: int = 0  # when something of it was told last
    told_severity: Severity | None = None  # None: nothing was
    warm_ns: int = 0  # until then nothing is missed: who finds it may need a while after the start
    was: str = ""  # what was said while it was True, until it is False
    said: Finding | None = None  # from which the condition has its words

    @property
    def status(self) -> Verity | None:
        return None if self.condition is None else self.condition.status

    @property
    def watches_type(self) -> bool:
        """It stands for the type as a whole, which is about pods or containers: never True."""
        return self.entity.kind is EntityKind.NODE and self.kind.entity is not EntityKind.NODE

    @property
    def _severity_is_told(self) -> bool:
        return self.condition is None or self.condition.severity is self.told_severity

    def stands(self, finding: Finding | None, now: Moment) -> bool:
        """Whether this very finding, of an event, made the condition True and it has not expired:
        then one more round changes nothing.
        """
        if finding is None or finding is not self.said or finding.at_boottime_ns is None:
            return False
        if self.expires_ns is None or now.boottime_ns >= self.expires_ns:
            return False
        if not self._severity_is_told:
            return False
        return self.status is Verity.TRUE and self.blind_since_ns is None

    def step(
        self, finding: Finding | None, blind: str | None, now: Moment, ttl_ns: int | None
    ) -> Verity | None:
        """Take what one round says of it; the status that it has earned by now, None: as it is.

        `blind` says which source does not see; `ttl_ns` is None if it comes from no event.
        """
        if ttl_ns is not None and not self.watches_type:
            if finding is not None:
                at_ns = _at(finding, now)
                self.expires_ns = max(self.expires_ns or 0, at_ns + ttl_ns)
            if self.expires_ns is not None and now.boottime_ns < self.expires_ns:
                self.blind_since_ns = None
                return Verity.TRUE  # it did happen: who is blind now has seen it then
            if self.status is Verity.TRUE:
                return Verity.FALSE
            finding = None
        if blind is not None:
            if finding is not None:
                self.absent_since_ns = None  # whoever else is blind, somebody sees it
            return self._blind(now.boottime_ns)
        self.blind_since_ns = None
        return self._absent(now.boottime_ns) if finding is None else self._found(now.boottime_ns)

    def _blind(self, now_ns: int) -> Verity | None:
        self.found_since_ns = None
        if self.blind_since_ns is None:
            self.blind_since_ns = now_ns
        if now_ns - self.blind_since_ns < BLIND_AFTER_NS:
            return None
        self.absent_since_ns = None
        # Of a pod that was well nothing is said: the type as a whole is Unknown.
        of_one = self.entity.kind is not EntityKind.NODE
        return None if of_one and self.status in (None, Verity.FALSE) else Verity.UNKNOWN

    def _found(self, now_ns: int) -> Verity | None:
        self.absent_since_ns = None
        if self.found_since_ns is None:
            self.found_since_ns = now_ns
        again = self.status is Verity.TRUE or (self.status is Verity.UNKNOWN and bool(self.was))
        held = now_ns - self.found_since_ns >= _ns(self.kind.raise_after_seconds)
        return Verity.TRUE if again or held else None

    def _absent(self, now_ns: int) -> Verity | None:
        self.found_since_ns = None
        if now_ns < self.warm_ns:
            return None
        if self.absent_since_ns is None:
            self.absent_since_ns = now_ns
        held = now_ns - self.absent_since_ns >= _ns(self.kind.clear_after_seconds)
        return Verity.FALSE if held and self.condition is not None else None

    def words(self, wanted: Verity, finding: Finding | None, blind: str | None) -> tuple[str, str]:
        """Reason and message of the status that it has earned."""
        before = self.condition
        if wanted is Verity.TRUE and finding is not None:
            return finding.reason, finding.message
        if wanted is Verity.UNKNOWN and blind is not None:
            return SOURCE_BLIND, blind + (f"; was: {self.was}" if self.was else "")
        if before is not None and before.status is wanted:
            return before.reason, before.message
        if before is not None and before.status is Verity.TRUE:
            return (CLEARED if self.expires_ns is None else EXPIRED), f"was: {before.message}"
        return NOT_FOUND, "not found"

    def begin(self, now: Moment) -> None:
        """False from the first, which is not told."""
        self.turn(Verity.FALSE, NOT_FOUND, "not found", None, now)
        assert self.condition is not None
        self.condition = replace(self.condition, revision=0)
        self.told_ns = 0

    def turn(
        self, status: Verity, reason: str, message: str, finding: Finding | None, now: Moment
    ) -> bool:
        """Make the condition what it is now; whether that is to be told.

        Another reason is told only when the last one has stood for the time that clearing takes:
        two that alternate must not flood anybody. Until then the old one stands, with its message.
        So are the reasons that hold beside it. A severity that rises or falls is so at once, for
        alerts go by it, and is told as seldom.
        """
        before = self.condition
        severity = self._severity(finding)
        waited = now.boottime_ns - self.told_ns >= _ns(self.kind.clear_after_seconds)
        others = finding is not None and self.said is not None and finding.also != self.said.also
        expires = self.expires_ns if status is Verity.TRUE else None
        wall = None if expires is None else now.at(expires)
        if before is not None and before.status is status:
            if before.reason != reason or others:
                if not waited:
                    return False
            elif (
                before.message == message
                and severity is before.severity
                and (severity is self.told_severity or not waited)
            ):
                if expires != before.expires_boottime_ns:
                    self.condition = replace(
                        before, expires_wall_ns=wall, expires_boottime_ns=expires
                    )
                self.said = finding
                return False
        since = now.boottime_ns if finding is None else _at(finding, now)
        told = before is None or before.status is not status or before.reason != reason or others
        told = told or (severity is not self.told_severity and waited)
        kept = before if before is not None and before.status is status else None
        self.condition = Condition(
            type=self.kind.name,
            entity=self.entity if finding is None else finding.entity,
            status=status,
            severity=severity,
            since_wall_ns=now.at(since) if kept is None else kept.since_wall_ns,
            since_boottime_ns=since if kept is None else kept.since_boottime_ns,
            reason=reason,
            message=message,
            evidence=() if finding is None else finding.evidence,
            expires_wall_ns=wall,
            expires_boottime_ns=expires,
            revision=(0 if before is None else before.revision) + told,
        )
        self.said = finding
        if told:
            self.told_ns = now.boottime_ns
            self.told_severity = severity
        if status is not Verity.UNKNOWN:
            self.was = message if status is Verity.TRUE else ""
        return told

    def _severity(self, finding: Finding | None) -> Severity:
        if finding is None:
            return self.kind.severity if self.condition is None else self.condition.severity
        return self.kind.severity if finding.severity is None else finding.severity


def _at(finding: Finding, now: Moment) -> int:
    at_ns = finding.at_boottime_ns
    return now.boottime_ns if at_ns is None else min(at_ns, now.boottime_ns)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
