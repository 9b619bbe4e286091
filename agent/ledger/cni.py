"""The CNI ledger: every execution of a plugin once, from its exec to its end. A pure fold.

    seen = running + ended + missed + others

The end comes from a pidfd, the exit status from the process connector and whose call it is from a
worker, in any order: a call that has ended waits for both for a moment, then they stay unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from agent.model.cni import CallState, CNIBooks, CNICall, CNITotals, result
from agent.model.death import ProcessExit

MAX_ENDED = 1000
"""Ended calls that are kept."""
SETTLE_NS = 2_000_000_000
"""How long a call that has ended waits for its exit status and its environment."""
MAX_COMMANDS = 16
"""Commands with totals of their own: a plugin may be called with any."""
OTHER = "other"

ExitOf = Callable[[CNICall], ProcessExit | None]


class CNILedger:
    """All times are CLOCK_BOOTTIME. `exit_of` asks who has heard of the exit of a process."""

    def __init__(self, exit_of: ExitOf, *, max_ended: int = MAX_ENDED) -> None:
        self._exit_of = exit_of
        self._running: dict[int, CNICall] = {}
        self._unlearned: set[tuple[int, int]] = set()
        self._settling: list[CNICall] = []
        self._ended: deque[CNICall] = deque(maxlen=max_ended)
        self._totals: dict[tuple[str, CallState], CNITotals] = {}
        self._seen = self._missed = self._others = self._ended_count = 0

    def begins(self, call: CNICall) -> CNICall:
        """A plugin was executed; the call as it is booked. The image of a process that executes
        another plugin in its place stays the same call.
        """
        before = self._running.get(call.pid)
        if before is not None and before.key == call.key:
            self._running[call.pid] = replace(before, plugin=call.plugin)
            return self._running[call.pid]
        self._seen += 1
        parent = self._running.get(call.parent_pid)
        if parent is not None:
            call = replace(call, delegated_by=parent.pid)
        self._running[call.pid] = call
        self._unlearned.add(call.key)
        return call

    def missed(self) -> None:
        """An execution whose process was gone before anybody could look."""
        self._seen += 1
        self._missed += 1

    def withdrawn(self, call: CNICall) -> None:
        """It is no call: it has no CNI_COMMAND. It may have ended meanwhile."""
        self._unlearned.discard(call.key)
        self._settling, before = [c for c in self._settling if c.key != call.key], self._settling
        if len(before) > len(self._settling):
            self._others += 1
        elif call.pid in self._running and self._running[call.pid].key == call.key:
            del self._running[call.pid]
            self._others += 1

    def learned(self, call: CNICall) -> None:
        """What its environment tells of a call, or why it does not; it may have ended meanwhile."""
        self._unlearned.discard(call.key)
        self._settling = [_with(c, call) if c.key == call.key else c for c in self._settling]
        running = self._running.get(call.pid)
        if running is not None and running.key == call.key:
            self._running[call.pid] = _with(running, call)

    def ends(self, pid: int, now_ns: int) -> None:
        """Its pidfd says that it has ended."""
        call = self._running.pop(pid, None)
        if call is not None:
            self._settling.append(replace(call, ended_boottime_ns=now_ns))
            self._settle(now_ns)

    def tick(self, now_ns: int) -> None:
        """Judge what has waited long enough."""
        self._settle(now_ns)

    def running(self) -> tuple[CNICall, ...]:
        """In order of their beginning."""
        return tuple(self._running.values())

    def get(self, pid: int) -> CNICall | None:
        """The running call of this process."""
        return self._running.get(pid)

    def ended(self) -> Iterator[CNICall]:
        """Those that are kept, the newest first; at the head those whose status is awaited."""
        yield from reversed(self._settling)
        yield from reversed(self._ended)

    def books(self) -> CNIBooks:
        """The sum of it all."""
        return CNIBooks(
            seen=self._seen,
            running=len(self._running),
            ended=self._ended_count + len(self._settling),
            missed=self._missed,
            others=self._others,
        )

    def totals(self) -> dict[tuple[str, CallState], CNITotals]:
        """By command and result, delegates left out."""
        return dict(self._totals)

    def _settle(self, now_ns: int) -> None:
        waiting = []
        for call in self._settling:
            ended_ns = call.ended_boottime_ns or now_ns
            told = self._exit_of(call)
            unknown = told is None or call.key in self._unlearned
            if unknown and now_ns < ended_ns + SETTLE_NS:
                waiting.append(call)
                continue
            if told is not None:
                ended_ns = max(call.started_boottime_ns, min(ended_ns, told.boottime_ns))
                call = replace(call, exit_code=told.exit_code, signal=told.signal)
            self._unlearned.discard(call.key)
            self._book(replace(call, ended_boottime_ns=ended_ns))
        self._settling = waiting

    def _book(self, call: CNICall) -> None:
        self._ended.append(call)
        self._ended_count += 1
        if call.delegated_by is not None:
            return
        commands = {command for command, _ in self._totals}
        command = call.command or "unknown"
        if command not in commands and len(commands) >= MAX_COMMANDS:
            command = OTHER
        key = command, result(call)
        before = self._totals.get(key, CNITotals())
        self._totals[key] = CNITotals(
            count=before.count + 1,
            seconds=before.seconds + call.seconds(call.ended_boottime_ns or 0),
        )


def _with(known: CNICall, told: CNICall) -> CNICall:
    return replace(
        known,
        command=told.command,
        container_id=told.container_id,
        netns=told.netns,
        interface=told.interface,
        pod=told.pod,
        unread=told.unread,
    )
