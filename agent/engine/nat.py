"""How the host rewrites the sources of packets: read when somebody has committed to nftables, and
never for more than a fiftieth of the time.

To find the chains through which packets leave, the kernel has to be asked for all of them, and
kube-proxy makes two or more for each service.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.modules import has_module
from agent.host.namespaces import Namespaces
from agent.host.nft_changes import NftChanges
from agent.host.nftables import MODULE, NatReader
from agent.host.root import HostRoot
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import ParseError
from agent.model.netlink import NatTable

READ_SECONDS = 10.0
SELDOM_NS = 60 * 1_000_000_000
"""Read anyway after so long: that iptables-legacy has made a table, nobody tells."""
SHARE = 50


class NatWatch(Struct, kw_only=True):
    """Owns a listener to commits, and what was read last."""

    clock: Clock
    root: HostRoot
    namespaces: Namespaces
    reader: NatReader
    workers: Workers
    _changes: NftChanges | None = None
    _table: NatTable | None = None
    _dirty: bool = True  # it is to be read again, whether or not it has changed
    _committed: bool = False  # since it was read, as was heard
    _read_ns: int = 0

    async def look(self) -> NatTable | None:
        """As it is now, or what was read before with the word that it is another one by now, or may
        be; None where it cannot be read. Raises nothing: it is one step of six.
        """
        try:
            return await self.workers.run(self._look, deadline_seconds=READ_SECONDS, key="nat")
        except (Abandoned, TooManyAbandoned, SourceAbsent, ParseError):
            return None

    def _look(self) -> NatTable | None:
        """In a worker: one at a time, by its key."""
        now = self.clock.boottime_ns()
        heard = self._listen(now)
        age, pause_ns = now - self._read_ns, SHARE * self.reader.seconds * 1e9
        due = self._table is None or self._dirty or not heard or age >= SELDOM_NS
        if due and age >= pause_ns:
            self._table, self._read_ns = None, now  # unless it can be read
            self._table = self.reader.read()
            self._dirty = self._committed = False
        elif self._table is not None:
            read = f"the rules were read {age / 1e9:.0f} s ago"
            if self._committed:
                return replace(self._table, outdated=f"{read}, and were changed since")
            if self._dirty or not heard:
                unread = f"{read} and may have changed since"
                return replace(self._table, unread=self._table.unread or unread)
        return self._table

    def close(self) -> None:
        """Listen no more."""
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _listen(self, now_ns: int) -> bool:
        """Whether every commit since the last reading was heard; first of all, so that none falls
        between.
        """
        try:
            if self._changes is None and has_module(self.root, MODULE):
                self._dirty = True
                self._changes = NftChanges(self.namespaces)
            if self._changes is None:
                return False
            changes, lost = self._changes.heard(now_ns)
        except SourceAbsent:
            if self._changes is not None:
                self._changes.close()
            self._changes, self._dirty = None, True
            return False
        self._committed |= lost or bool(changes)
        self._dirty |= self._committed
        return True
