"""Pulls in flight, and what has become of those that are over: a fold over looks at containerd.

containerd writes a blob in pieces of 1 MiB: how far it is written says nothing of what comes
slowly. So a download stands still only if its connections bring nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.pull_cause import DiskWord, cause, disk_word
from agent.model.disks import DiskState
from agent.model.heartbeat import Connection
from agent.model.pulls import BlobFile, Cause, Meanwhile, Phase, Pull

SLOW_FACTOR = 3
"""Bytes may come for so many times the limit without a piece that is whole."""


class Moment(Struct, frozen=True, kw_only=True):
    """All of one look."""

    boottime_ns: int
    wall_ns: int
    files: tuple[BlobFile, ...]
    unpacked: frozenset[tuple[str, int]]
    connections: tuple[Connection, ...]
    chain: Callable[[str], tuple[DiskState, ...]]  # beneath a device's number
    state: str  # of the process
    blocked: bool  # whether a thread of it is in state D


class _Memory(Struct):
    first_ns: int
    moved_ns: int
    bytes: int | None = None
    phase: Phase = Phase.DOWNLOAD
    looks: int = 0
    meanwhile: Meanwhile = field(default_factory=Meanwhile)
    last: Pull | None = None


class Pulls(Struct, kw_only=True):
    """Remembers each blob by its ingest, or its digest while it is unpacked."""

    stalled_after: float
    _known: dict[str, _Memory] = field(default_factory=dict)
    _unpacked: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def take(self, now: Moment) -> tuple[tuple[Pull, ...], tuple[Pull, ...]]:
        """Those that are there, the longest without progress first; and those that are over.

        One that is read counts from the second look on: a manifest is read in no time.
        """
        known = {file.id: self._moved(file, now) for file in now.files}
        over = [
            memory.last
            for identity, memory in self._known.items()
            if identity not in known and memory.last is not None
        ]
        self._known, self._unpacked = known, now.unpacked
        pulls = []
        for file in now.files:
            memory = known[file.id]
            if file.unpacking and memory.looks < 2:
                continue
            memory.last = self._pull(file, memory, now)
            pulls.append(memory.last)
        pulls.sort(key=lambda pull: (not pull.stalled, pull.moved_boottime_ns, pull.file.id))
        return tuple(pulls), tuple(over)

    def _moved(self, file: BlobFile, now: Moment) -> _Memory:
        memory = self._known.get(file.id)
        phase = _phase(file)
        if memory is None:
            memory = _Memory(now.boottime_ns, now.boottime_ns, file.bytes, phase)
        elif (
            file.bytes != memory.bytes
            or phase is not memory.phase
            or (phase is Phase.UNPACK and now.unpacked != self._unpacked)
        ):
            memory.moved_ns = now.boottime_ns
            memory.bytes, memory.phase = file.bytes, phase
        memory.looks += 1
        return memory

    def _pull(self, file: BlobFile, memory: _Memory, now: Moment) -> Pull:
        still = (now.boottime_ns - memory.moved_ns) / 1e9
        chain = now.chain(file.device)
        disk = disk_word(chain, now.boottime_ns)
        stalled = self._stalled(memory.phase, still, now)
        why = None
        if stalled:
            why = cause(memory.phase, now.connections, disk, state=now.state, blocked=now.blocked)
            why = why or memory.meanwhile.cause or Cause.UNKNOWN
        memory.meanwhile = _worse(memory, now, disk)
        if why is not None:
            memory.meanwhile = replace(memory.meanwhile, cause=why)
        return Pull(
            file=file,
            phase=memory.phase,
            begun_boottime_ns=_begun(file, memory, now),
            moved_boottime_ns=memory.moved_ns,
            stalled=stalled,
            cause=why,
            disks=tuple(state.disk.name for state in chain),
            meanwhile=memory.meanwhile,
        )

    def _stalled(self, phase: Phase, still: float, now: Moment) -> bool:
        if still < self.stalled_after:
            return False
        if phase is not Phase.DOWNLOAD or still >= SLOW_FACTOR * self.stalled_after:
            return True
        since = now.boottime_ns - int(self.stalled_after * 1e9)
        growing = sum(
            1
            for memory in self._known.values()
            if memory.phase is Phase.DOWNLOAD and memory.moved_ns > since
        )
        receiving = sum(
            1
            for each in now.connections
            if not each.dialling and each.since_received_seconds < self.stalled_after
        )
        return receiving <= growing


def _phase(file: BlobFile) -> Phase:
    if file.unpacking:
        return Phase.UNPACK
    total = file.total_bytes
    whole = total is not None and total > 0 and file.bytes is not None and file.bytes >= total
    return Phase.COMMIT if whole else Phase.DOWNLOAD


def _begun(file: BlobFile, memory: _Memory, now: Moment) -> int:
    """By containerd's own account, which a former try may have begun."""
    if file.started_wall_ns is None:
        return memory.first_ns
    ago = max(0, now.wall_ns - file.started_wall_ns)
    return max(0, min(memory.first_ns, now.boottime_ns - ago))


def _worse(memory: _Memory, now: Moment, disk: DiskWord) -> Meanwhile:
    """The worst so far and what is now."""
    so_far = memory.meanwhile
    seen = (now.boottime_ns - memory.first_ns) / 1e9
    silent = _silent(now.connections) if memory.phase is Phase.DOWNLOAD else 0.0
    slower = disk.seconds > so_far.slowest_seconds
    stuck = min(disk.stuck_seconds, seen)
    return replace(
        so_far,
        still_seconds=max(so_far.still_seconds, (now.boottime_ns - memory.moved_ns) / 1e9),
        silent_seconds=max(so_far.silent_seconds, min(silent, seen)),
        retransmits=max([so_far.retransmits, *(each.retransmits for each in now.connections)]),
        slowest_device=disk.slowest_device if slower else so_far.slowest_device,
        slowest_op=disk.op if slower else so_far.slowest_op,
        slowest_seconds=max(so_far.slowest_seconds, disk.seconds),
        stuck_device=disk.stuck_device if stuck > so_far.stuck_seconds else so_far.stuck_device,
        stuck_seconds=max(so_far.stuck_seconds, stuck),
    )


def _silent(connections: Iterable[Connection]) -> float:
    """For how long nothing has come on any that is established."""
    waited = [each.since_received_seconds for each in connections if not each.dialling]
    return min(waited, default=0.0)
