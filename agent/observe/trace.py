"""Watches oom:mark_victim in a trace instance of our own.

The event fires as the victim is marked, before its "Killed process" line; also for tasks that are
dying already, which nothing counts (oom_kill_process, mm/oom_kill.c): a candidate only. Where the
kernel allows probes, their events come before it in the same instance.
"""

from __future__ import annotations

from msgspec.structs import replace

from agent.host.clock import Clock
from agent.host.proc import ProcReader
from agent.host.trace_instance import TraceInstance
from agent.model.absence import ParseError
from agent.model.evidence import Observation, SourceLost
from agent.observe.kmsg import CAPTURE_AGE_NS
from agent.observe.victims import Victims
from agent.parse.trace_pipe import parse_lost

NAME = "trace"


class TraceWatcher:
    """Owns the instance's trace_pipe; reading it consumes."""

    def __init__(
        self, instance: TraceInstance, proc: ProcReader, clock: Clock, victims: Victims
    ) -> None:
        self._instance = instance
        self._proc = proc
        self._clock = clock
        self._victims = victims
        self._rest = b""
        self._lost_before = instance.lost()
        self._lost_in_lines = 0
        self._lost_told = 0
        self.records = 0
        self.buffer_bytes = instance.buffer_bytes

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._instance.fileno()

    def observe(self) -> tuple[list[Observation], bool]:
        """What one read tells; True if more may be waiting. Raises SourceAbsent."""
        data = self._instance.read()
        if data is None:
            return [], False
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        seen: list[Observation] = []
        for line in lines:
            seen.extend(self._seen(line))
        return seen, True

    def tick(self) -> list[Observation]:
        """Overruns of the ring since the last call. Raises SourceAbsent."""
        return self._overrun(self._instance.lost() - self._lost_before)

    def close(self) -> None:
        """Stop reading; the instance itself stays, so that what happens meanwhile is not lost."""
        self._instance.close()

    def _overrun(self, lost: int) -> list[Observation]:
        """The kernel's counters and its lines in the pipe tell of the same losses: tell once."""
        new = lost - self._lost_told
        if new <= 0:
            return []
        self._lost_told = lost
        return [SourceLost(source=NAME, lost=new, detail="the trace ring was overrun")]

    def _seen(self, line: bytes) -> list[Observation]:
        try:
            seen = self._victims.hear(line)
            lost = parse_lost(line) if seen is None else None
        except ParseError as error:
            return [SourceLost(source=NAME, lost=1, detail=str(error))]
        if lost is not None:
            self._victims.lost()
            self._lost_in_lines += lost
            return self._overrun(self._lost_in_lines)
        if seen is None:
            return []
        self.records += 1
        if self._clock.boottime_ns() - seen.boottime_ns <= CAPTURE_AGE_NS:
            capture = self._proc.capture(seen.victim.pid, not_after_boottime_ns=seen.boottime_ns)
            seen = replace(seen, capture=capture)
        return [seen]
