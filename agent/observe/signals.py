"""Watches fatal signals, and all that a runtime sends: who, by signal:signal_generate.

In a trace instance of its own, for any process can send itself signals as fast as it likes: what
that pushes out of a ring must not be the victims of the OOM killer. For the same reason it is
rationed.
"""

from __future__ import annotations

import contextlib

from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.clock import TICK_NS, ticks_to_ns
from agent.host.proc import ProcReader
from agent.host.trace_instance import TraceInstance
from agent.model.absence import ParseError
from agent.model.death import RUNTIMES, SignalSent
from agent.model.evidence import Observation, SignalSeen, SignalsMissed, SourceLost
from agent.observe.rationed import LOSS_TICKS, RationedPipe
from agent.parse.signal_generate import UNKNOWN_COMM, parse_signal

NAME = "signals"
EVENT = "signal/signal_generate"
_FATAL = " || ".join(f"sig == {number}" for number in (1, 2, 3, 4, 6, 7, 8, 9, 11, 15))
"""HUP INT QUIT ILL ABRT BUS FPE KILL SEGV TERM."""
_SENT = "(sig == 5 || sig == 31) && code <= 0"
"""TRAP and SYS, if a process sent them: debuggers and sandboxes (gVisor) live on those that the
kernel raises, thousands a second.
"""
_STOP = "code == 0 && (" + " || ".join(f'COMM == "{comm}"' for comm in sorted(RUNTIMES)) + ")"
"""Whatever a runtime sends by kill(2): an image may name any signal to be stopped with. Its SIGCHLD
and the SIGURG of Go's scheduler, to itself all day, have other codes. COMM is the sender's, comm
would be the target's.
"""
FILTER = f"result != 2 && ({_FATAL} || ({_SENT}) || ({_STOP}))"
"""2 is TRACE_SIGNAL_ALREADY_PENDING, of which the first was told."""


class SignalWatcher:
    """Owns the instance's trace_pipe; reading it consumes."""

    def __init__(self, instance: TraceInstance, proc: ProcReader) -> None:
        self._pipe = RationedPipe(instance)
        self._proc = proc
        self._lost = self._published = instance.lost()
        self._quiet_ticks = 0
        self.records = 0
        self.buffer_bytes = instance.buffer_bytes

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._pipe.fileno()

    def observe(self) -> tuple[list[Observation], bool]:
        """What one read tells; True if more may be waiting, and may be read before the next tick.

        Raises SourceAbsent.
        """
        records, more = self._pipe.read()
        return [item for record in records for item in self._seen(record)], more

    def tick(self) -> list[Observation]:
        """Overruns of the ring, and reading again after a flood: what was left in the pipe until
        now may come too late for who waits for it. Raises SourceAbsent.
        """
        muted = self._pipe.refill()
        self._quiet_ticks = max(0, self._quiet_ticks - 1)
        before, self._lost = self._lost, self._pipe.lost()
        seen: list[Observation] = []
        if muted or self._lost > before:
            seen.append(SignalsMissed())
        if not self._quiet_ticks and self._lost > self._published:
            new, self._published = self._lost - self._published, self._lost
            self._quiet_ticks = LOSS_TICKS
            detail = "signals came faster than they are read"
            seen.append(SourceLost(source=NAME, lost=new, detail=detail))
        return seen

    def close(self) -> None:
        """Stop reading; the instance itself stays, so that what happens meanwhile is not lost."""
        self._pipe.close()

    def _seen(self, record: bytes) -> list[Observation]:
        try:
            sent = parse_signal(record)
        except ParseError as error:
            return [SourceLost(source=NAME, lost=1, detail=str(error))]
        if sent is None:
            return []
        self.records += 1
        return [SignalSeen(sent=self._with_comm(sent))]

    def _with_comm(self, sent: SignalSent) -> SignalSent:
        """The kernel keeps the comms of 128 tasks only; the sender may still be there to ask."""
        if sent.sender_comm == UNKNOWN_COMM:
            with contextlib.suppress(SourceAbsent, ParseError):
                stat = self._proc.stat(sent.sender_pid)
                if ticks_to_ns(stat.start_ticks) <= sent.boottime_ns + TICK_NS:
                    return replace(sent, sender_comm=stat.comm)
        return sent
