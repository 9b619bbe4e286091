"""The CNI's configuration: read again when inotify tells of a change, and now and then anyway; and
what the runtime says of its network.

All reading is done in a worker that can be left behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.cni_elsewhere import elsewhere
from agent.engine.board import SourceBoard
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.cni_directory import CNIDirectory
from agent.host.cri import CriNetwork
from agent.host.inotify import (
    IN_ATTRIB,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    Inotify,
)
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.cni import CNIConfig, NetworkWord

CNI_CONFIG = "cni-config"
READ_SECONDS = 5.0
ASK_NS = 5 * 1_000_000_000
AGAIN_NS = 10 * 1_000_000_000
"""It is read again after so long even if nothing was told: a directory may have come into being."""
CHANGES = (
    IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF
)


class CNIConfigWatch(Struct, kw_only=True):
    """Owns the inotify instance, where there is one left, and the last reading."""

    directory: CNIDirectory
    clock: Clock
    workers: Workers
    board: SourceBoard
    open_inotify: Callable[[], Inotify] = Inotify
    network: Callable[[], Awaitable[CriNetwork | None]]
    """Asks the runtime whether its network is ready; None: it is not to be asked now."""
    word: NetworkWord | None = None
    config: CNIConfig | None = None  # None: not read yet, or not to be read now
    unread: str = "the configuration has not been read yet"  # why there is no `config`
    _inotify: Inotify | None = None
    _due_ns: int = 0
    _ask_due_ns: int = 0
    _asked_ns: int = 0
    _readings: int = field(default=0)
    _elsewhere_ns: int | None = None  # since then it cannot be what the runtime has
    _shown: CNIConfig | None = None  # what the runtime has shown not to be what it has

    @property
    def elsewhere(self) -> str:
        """Why what was read cannot be what the runtime has; empty: it can."""
        if self.config is None:
            return ""
        shown = self._shown is not None and _files(self.config) == _files(self._shown)
        return elsewhere(self.config, self.word, shown=shown)

    @property
    def loaded(self) -> tuple[str, str]:
        """The path of what the runtime has loaded, or why it is not known; both empty: nothing is
        loaded.
        """
        if self.config is None:
            return "", self.unread
        if self.elsewhere:
            return "", self.elsewhere
        file = self.config.loaded
        return ("" if file is None else file.path), ""

    async def look(self) -> None:
        """Read it if it has changed or is due."""
        await self._ask()
        now = self.clock.boottime_ns()
        if self._changed() or now >= self._due_ns:
            self._due_ns = now + AGAIN_NS
            await self._read_all(now)
        if self.config is not None:
            self._tell(self.config, now)

    async def _read_all(self, now: int) -> None:
        former = self.config
        try:
            self.config = await self.workers.run(
                self._read, now, deadline_seconds=READ_SECONDS, key=CNI_CONFIG
            )
        except (Abandoned, TooManyAbandoned) as error:
            self.config = None
            self.unread = f"reading the configuration: {error}"
            self.board.absent(CNI_CONFIG, Absent(absence=Absence.FAILED, detail=str(error)))
            return
        same = former is not None and _files(former) == _files(self.config)
        since = former.same_since_boottime_ns if former is not None and same else now
        self.config = replace(self.config, same_since_boottime_ns=since)
        self._readings += 1

    def _tell(self, config: CNIConfig, now: int) -> None:
        """A runtime may be a moment behind its files: only what it says later speaks against us."""
        why = self.elsewhere
        since = self._elsewhere_ns = (self._elsewhere_ns or now) if why else None
        proven = since is not None and self._asked_ns > since
        if self.word is not None or not why:  # else it is silent: what it has shown stays
            self._shown = config if proven else None
        if proven:
            self.board.absent(CNI_CONFIG, Absent(absence=Absence.UNSUPPORTED, detail=why))
            return
        self.board.up(CNI_CONFIG, "" if config.watched else "read every 10 s")
        self.board.count(CNI_CONFIG, self._readings)

    async def _ask(self) -> None:
        now = self.clock.boottime_ns()
        if now < self._ask_due_ns:
            return
        self._ask_due_ns, self._asked_ns = now + ASK_NS, now
        self.word = None
        with contextlib.suppress(SourceAbsent):  # that it does not answer, others say
            said = await self.network()
            if said is not None:
                self.word = NetworkWord(boottime_ns=now, ready=said.ready, message=said.message)
                self._follow(said)

    def _follow(self, said: CriNetwork) -> None:
        """To where the runtime looks."""
        if self.directory.told(said.places):
            self.close()
            self._due_ns = 0

    def close(self) -> None:
        """Watch no more."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _changed(self) -> bool:
        if self._inotify is None:
            return False
        try:
            return bool(self._inotify.read())
        except SourceAbsent:
            self.close()
            return True

    def _read(self, now_ns: int) -> CNIConfig:
        """In a worker: first the watches, so that no change is missed, then the reading."""
        return self.directory.read(now_ns, watched=self._watch())

    def _watch(self) -> bool:
        """Whether changes of the configuration will be told; a watch that is there stays."""
        try:
            if self._inotify is None:
                self._inotify = self.open_inotify()
        except SourceAbsent:
            return False
        watched = []
        for path in self.directory.watched():
            try:
                self._inotify.add_watch(path, CHANGES)
            except SourceAbsent:
                watched.append(False)
            else:
                watched.append(True)
        return watched[0]


def _files(config: CNIConfig) -> CNIConfig:
    """What stays the same while no file changes."""
    return replace(config, boottime_ns=0, watched=False, same_since_boottime_ns=0)
