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
from agent.model.evidence import SignalSeen, SignalsMissed
from agent.observe.rationed import RationedWatcher
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


class SignalWatcher(RationedWatcher):
    """Who sent which signal to whom."""

    def __init__(self, instance: TraceInstance, proc: ProcReader) -> None:
        super().__init__(
            instance,
            name=NAME,
            parse=self._parsed,
            overrun="signals came faster than they are read",
            missed=SignalsMissed(),
        )
        self._proc = proc

    def _parsed(self, record: bytes) -> SignalSeen | None:
        sent = parse_signal(record)
        return None if sent is None else SignalSeen(sent=self._with_comm(sent))

    def _with_comm(self, sent: SignalSent) -> SignalSent:
        """The kernel keeps the comms of 128 tasks only; the sender may still be there to ask."""
        if sent.sender_comm == UNKNOWN_COMM:
            with contextlib.suppress(SourceAbsent, ParseError):
                stat = self._proc.stat(sent.sender_pid)
                if ticks_to_ns(stat.start_ticks) <= sent.boottime_ns + TICK_NS:
                    return replace(sent, sender_comm=stat.comm)
        return sent
