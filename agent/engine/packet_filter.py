"""The tables of rules: counted when somebody has changed them, and never for more than a fiftieth
of the time.
"""

from __future__ import annotations

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.namespaces import Namespaces
from agent.host.nft_changes import NftChanges
from agent.host.rule_tables import RuleTables
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import ParseError
from agent.model.plumbing import PacketFilter, RuleChange

READ_SECONDS = 10.0
SELDOM_NS = 60 * 1_000_000_000
"""Counted anyway after so long: iptables-legacy tells nobody."""
SHARE = 50


class PacketFilterWatch(Struct, kw_only=True):
    """Owns the listener to commits. `filter` is None until the tables were counted."""

    clock: Clock
    namespaces: Namespaces
    tables: RuleTables
    workers: Workers
    filter: PacketFilter | None = None
    unread: str = ""
    _changes: NftChanges | None = None
    _count: int = 0
    _last: RuleChange | None = None
    _dirty: bool = True
    _counted_ns: int = 0

    async def look(self) -> None:
        """One round; raises nothing."""
        try:
            await self.workers.run(self._look, deadline_seconds=READ_SECONDS, key="rules")
        except (Abandoned, TooManyAbandoned, SourceAbsent, ParseError) as error:
            self.unread = str(error)
            if self.filter is not None:
                self.filter = self._now(self.filter)

    def _look(self) -> None:
        """In a worker: one at a time, by its key."""
        now = self.clock.boottime_ns()
        self._listen(now)
        age = now - self._counted_ns
        due = self.filter is None or (self._dirty and age >= SHARE * self.tables.seconds * 1e9)
        if due or age >= max(SELDOM_NS, SHARE * self.tables.seconds * 1e9):
            self._dirty = False
            tables = self.tables.count()
            self._counted_ns, self.unread = now, ""
            self.filter = self._now(PacketFilter(counted_boottime_ns=now, tables=tables))
        elif self.filter is not None:
            self.filter = self._now(self.filter)

    def _listen(self, now_ns: int) -> None:
        if self._changes is None and self.tables.nftables:
            self._changes = NftChanges(self.namespaces)
            self._dirty = True  # what was committed before that was not heard
        if self._changes is not None:
            try:
                changes, lost = self._changes.heard(now_ns)
            except SourceAbsent:
                self._changes.close()
                self._changes, self._dirty = None, True
                raise
            self._dirty |= lost or bool(changes)
            self._count += len(changes)
            self._last = changes[-1] if changes else self._last

    def _now(self, counted: PacketFilter) -> PacketFilter:
        return PacketFilter(
            counted_boottime_ns=counted.counted_boottime_ns,
            tables=counted.tables,
            changes=self._count,
            last=self._last,
            unread=self.unread,
        )
