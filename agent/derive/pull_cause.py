"""Why a pull makes no progress: what the kernel knows of the process, its disk and its network."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agent.model.disks import DiskState, Op
from agent.model.heartbeat import Connection
from agent.model.pulls import SLOW_SECONDS, Cause, Phase
from agent.model.runtime import STOPPED

STUCK_SECONDS = 2.0
"""Requests are in flight and none has ended for so long."""
UNREAD_SECONDS = 2.0
"""What came later may be read at once: the registry goes on."""
_OPS = (Op.READ, Op.WRITE, Op.FLUSH)


class DiskWord(Struct, frozen=True, kw_only=True):
    """What the devices beneath a pull did, the worst of them."""

    slowest_device: str = ""
    op: Op | None = None
    seconds: float = 0.0  # that this kind of request takes on average
    stuck_device: str = ""
    stuck_seconds: float = 0.0

    @property
    def bad(self) -> bool:
        return self.seconds >= SLOW_SECONDS or self.stuck_seconds >= STUCK_SECONDS


def disk_word(chain: Iterable[DiskState], now_ns: int) -> DiskWord:
    """The slowest kind of request, and the longest time without one that ended."""
    chain = tuple(chain)
    rates = [
        (rate.latency_seconds, state.disk.name, op)
        for state in chain
        for op in _OPS
        if (rate := state.rates.get(op)) is not None and rate.latency_seconds is not None
    ]
    seconds, device, op = max(rates, default=(0.0, "", None), key=lambda each: each[0])
    stuck = [
        ((now_ns - state.stuck_since_boottime_ns) / 1e9, state.disk.name)
        for state in chain
        if state.stuck_since_boottime_ns is not None
    ]
    stuck_seconds, stuck_device = max(stuck, default=(0.0, ""))
    return DiskWord(
        slowest_device=device,
        op=op,
        seconds=seconds,
        stuck_device=stuck_device,
        stuck_seconds=stuck_seconds,
    )


def cause(
    phase: Phase,
    connections: Iterable[Connection],
    disk: DiskWord,
    *,
    state: str,
    blocked: bool,
) -> Cause | None:
    """The first that holds; None: bytes have just come, nothing new can be said of the standstill.
    `state` is the process's, `blocked` whether a thread is in state D.
    """
    if state in STOPPED:
        return Cause.RUNTIME_STOPPED
    if phase is not Phase.DOWNLOAD:
        return Cause.DISK if disk.bad or blocked else Cause.UNKNOWN
    if disk.stuck_seconds >= STUCK_SECONDS:
        return Cause.DISK
    dialling = [each for each in connections if each.dialling]
    made = [each for each in connections if not each.dialling]
    if unread := [each for each in made if each.unread_bytes]:
        if disk.bad or blocked:
            return Cause.DISK
        old = any(each.since_received_seconds >= UNREAD_SECONDS for each in unread)
        return Cause.UNREAD if old else None
    if dialling:
        return Cause.DIALLING
    if not made:
        return Cause.UNCONNECTED
    if any(each.unacked and each.retransmits for each in made):
        return Cause.UNACKNOWLEDGED
    return Cause.SILENT
