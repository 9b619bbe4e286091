"""Calls of the OOM killer, put together from the kernel's lines in kmsg.

The kernel holds `oom_lock` during a call, so the lines of two calls never mix (mm/oom_kill.c, Linux
6.1):

    [work invoked oom-killer: ...         dump_header, all of it dropped by a rate limit of 10 in 5
    s
     memory: usage ..., limit ...
     oom-kill:constraint=...]
    Memory cgroup out of memory: Killed process 1373 (work) ...
    [Tasks in CGROUP are going to be killed due to memory.oom.group set
     Memory cgroup out of memory: Killed process 1356 (work) ...
     Memory cgroup out of memory: Killed process 1373 (work) ...]     6.1 counts and prints the
     first victim again

A kill without a header and without a "Tasks in" line that follows a group kill may belong to the
group or to a later call; a later "Tasks in" line, a cgroup outside the group, or a second of
silence decides.
"""

from __future__ import annotations

from msgspec import Struct, field

from agent.model.evidence import KmsgSeen
from agent.model.kmsg import (
    OOMGroupKill,
    OOMInvoked,
    OOMKilledProcess,
    OOMSummary,
    OOMUsage,
)

SAME_CALL_NS = 1_000_000_000
"""A group kill walks its cgroup in one loop; after a longer silence a line is another call's."""
SAME_VICTIM_NS = 3_000_000_000
"""The same for a second line of one pid in a group kill: the kernel may thrash, and pids are not
used again so soon, be it 32,768 of them and 10,000 forks a second.
"""
UNSEEN_SAME_CALL_NS = 100_000_000
"""The same for a kill whose own cgroup nobody saw: then closeness in time is all there is."""


class Header(Struct, kw_only=True):
    """What dump_header told before the first kill of a call."""

    trigger_comm: str = ""
    limit_bytes: int | None = None
    readings: tuple[OOMSummary, ...] = ()


class Kill(Struct, kw_only=True):
    """One "Killed process" line. `repeat_of` is set on a second line for the same process."""

    sequence: int
    boottime_ns: int
    line: OOMKilledProcess
    seen: KmsgSeen
    repeat_of: Kill | None = None
    call_ns: int | None = None  # the call of out_of_memory() by the probe; None: not probed


class Call(Struct, kw_only=True):
    """One call of the OOM killer; its first kill's sequence names it."""

    header: Header = field(default_factory=Header)
    kills: list[Kill] = field(default_factory=list)
    group_cgroup: str = ""

    @property
    def sequence(self) -> int:
        return self.kills[0].sequence


def below(path: str, ancestor: str) -> bool:
    """Whether a cgroup path is the ancestor or lies under it."""
    return path == ancestor or path.startswith(ancestor.rstrip("/") + "/")


class CallAssembler:
    """Feeds on the lines in order; after each "Killed process" `feed` returns where that kill
    belongs.
    """

    def __init__(self) -> None:
        self._header: Header | None = None
        self._call: Call | None = None
        self._last_ns = 0

    def feed(self, seen: KmsgSeen, call_ns: int | None = None) -> tuple[Call, Kill] | None:
        """Return the call and kill that this line added or moved; None if it was context only.

        `call_ns` names the kernel's call, where a probe told it: that settles what belongs
        together.

        A "Tasks in" line can move the kill before it from one call into a new one: then that pair
        is returned, and the caller finds the kill no longer in its former call.
        """
        line = seen.line
        if isinstance(line, OOMInvoked):
            self._header, self._call = Header(trigger_comm=line.comm), None
        elif isinstance(line, OOMUsage):
            if self._header is not None:
                self._header.limit_bytes = line.limit_bytes
        elif isinstance(line, OOMKilledProcess):
            return self._killed(seen, line, call_ns)
        elif isinstance(line, OOMGroupKill):
            return self._group(line)
        elif line:  # the readings of an oom-kill: line
            if self._header is None:
                self._header = Header()
            self._header.readings, self._call = line, None
        return None

    def _killed(
        self, seen: KmsgSeen, line: OOMKilledProcess, call_ns: int | None
    ) -> tuple[Call, Kill]:
        kill = Kill(
            sequence=seen.sequence,
            boottime_ns=seen.boottime_ns,
            line=line,
            seen=seen,
            call_ns=call_ns,
        )
        call = self._call
        if call is not None and not self._continues(call, kill):
            call = None
        if call is None:
            header = self._header or Header()
            readings = tuple(r for r in header.readings if (r.pid, r.task) == (line.pid, line.comm))
            if header.readings and not readings:
                header = Header()  # another call's header; its kill line is lost
            call = Call(
                header=Header(
                    trigger_comm=header.trigger_comm,
                    limit_bytes=header.limit_bytes,
                    readings=readings,
                )
            )
        self._header, self._call, self._last_ns = None, call, seen.boottime_ns
        for earlier in call.kills:
            if earlier.line.pid == line.pid and earlier.repeat_of is None:
                kill.repeat_of = earlier
                break
        call.kills.append(kill)
        return call, kill

    def _continues(self, call: Call, kill: Kill) -> bool:
        probed = call.kills[-1].call_ns
        if kill.call_ns is not None and probed is not None:
            return kill.call_ns == probed
        silence_ns = kill.boottime_ns - self._last_ns
        most_ns = SAME_VICTIM_NS if call.group_cgroup else SAME_CALL_NS
        if self._header is not None or silence_ns > most_ns:
            return False
        if any(earlier.line.pid == kill.line.pid for earlier in call.kills):
            return True  # a process is killed once: a second line for it is a repeat
        if not call.group_cgroup or silence_ns > SAME_CALL_NS:
            return False
        capture = kill.seen.capture
        if capture is None or not capture.cgroup:
            return silence_ns <= UNSEEN_SAME_CALL_NS
        return below(capture.cgroup, call.group_cgroup)

    def _group(self, line: OOMGroupKill) -> tuple[Call, Kill] | None:
        call = self._call
        if call is None:
            return None
        kill = call.kills[-1]
        if len(call.kills) > 1 and kill.repeat_of is None:
            # "Tasks in" follows the first kill of a call: what seemed to continue the last group
            # began this one.
            call.kills.pop()
            call = self._call = Call(kills=[kill])
        call.group_cgroup = line.cgroup
        return call, kill
