"""Who was the runtime before: each process that ends is remembered with how it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from agent.ledger.deaths import DeathBook
from agent.model.oom import OOMIncident
from agent.model.runtime import DaemonProcess, FormerDaemon, ProcessKey

SIGKILL = 9
LEARN_SECONDS = 60.0
"""So long after an end it may still be told how it came."""


class Former(Struct, kw_only=True):
    """The last process that ended, and how many came after one."""

    deaths: DeathBook
    incidents: Callable[[], Iterable[OOMIncident]]  # of the last hour
    last: FormerDaemon | None = None
    restarts: int = 0

    def turn(
        self, was: DaemonProcess | None, process: DaemonProcess | None, now_ns: int
    ) -> DaemonProcess | None:
        """Who it is from now on. How one ended may be told later than that it did: each look
        learns more.
        """
        if was is not None and (process is None or process.key != was.key):
            self.last = FormerDaemon(key=was.key, comm=was.comm, seen_boottime_ns=now_ns)
        came = process is not None and (was is None or was.key != process.key)
        if came and self.last is not None:
            self.restarts += 1
        if self.last is not None:
            self.last = self._learned(self.last, now_ns)
        return process

    def _learned(self, last: FormerDaemon, now_ns: int) -> FormerDaemon:
        late = now_ns - last.seen_boottime_ns > LEARN_SECONDS * 1e9
        if late or last.oom_killed or last.exit_code is not None:
            return last
        death = self.deaths.death(last.key.pid, last.key.start_boottime_ns)
        exit_ = None if death is None else death.exit
        if exit_ is None or death is None:
            return last
        sender = next(
            (s for s in reversed(death.signals) if s.signal == exit_.signal and s.code <= 0), None
        )
        return replace(
            last,
            signal=exit_.signal,
            exit_code=exit_.exit_code,
            killer="" if sender is None else f"{sender.sender_comm}[{sender.sender_pid}]",
            oom_killed=exit_.signal == SIGKILL and killed(self.incidents(), last.key),
        )


def killed(incidents: Iterable[OOMIncident], key: ProcessKey) -> bool:
    """Whether the OOM ledger has this very process among its victims."""
    return any(
        victim.pid == key.pid
        and (
            victim.start_boottime_ns is None
            or abs(victim.start_boottime_ns - key.start_boottime_ns) < 1_000_000_000
        )
        and incident.boottime_ns >= key.start_boottime_ns
        for incident in incidents
        for victim in incident.victims
    )
