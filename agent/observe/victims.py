"""Joins what the probes and oom:mark_victim tell of the same kill.

The kernel holds oom_lock throughout a call of out_of_memory(), so calls never mix, and all events
of one call come from the same task: the call, then for each victim __oom_kill_process() and its
mark_victim. The victim that is marked is the one that counts: it may be another thread than the one
that was chosen (find_lock_task_mm). A victim that was dying already is marked without a kill, and
nothing counts it.

In an instance whose events hold longer text that others choose, with newlines in it, a line of a
probe could be forged: such events do not belong beside these. (The path of cgroup_attach_task does:
cgroup_mkdir refuses newlines.)
"""

from __future__ import annotations

from collections.abc import Callable

from agent.model.absence import ParseError
from agent.model.evidence import TraceSeen
from agent.model.probe import ProbedCall, ProbedCgroup, ProbedKill, VictimProbe
from agent.parse.oom_probe import CALL_PREFIX, KILL_PREFIX, parse_probe
from agent.parse.trace_event import TraceEvent, parse_event
from agent.parse.trace_pipe import parse_mark_victim

PathOf = Callable[[int], str | None]
"""The path of a cgroup that is followed, or was until lately, by its inode."""

_MARKS = (b": " + CALL_PREFIX, b": " + KILL_PREFIX)


class Victims:
    """A fold over the lines of one trace instance, in their order."""

    def __init__(self, *, page_bytes: int, path_of: PathOf) -> None:
        self._page_bytes = page_bytes
        self._path_of = path_of
        self._call: ProbedCall | None = None
        self._kill: ProbedKill | None = None
        self._task_pid = 0  # of the task that both are of
        self.probed = 0

    def hear(self, line: bytes) -> TraceSeen | None:
        """The victim that this line marks, with what the probes told before of it; None for all
        other lines. No `capture`: that is for whoever hears it in time. Raises ParseError.
        """
        if any(mark in line for mark in _MARKS):
            event = parse_event(line)
            probed = None if event is None else self._parse(event)
            if event is not None and probed is not None:
                self._remember(event.pid, probed)
                return None
        victim = parse_mark_victim(line)
        if victim is None:
            return None
        marked = parse_event(line)
        probe = None
        if marked is not None and marked.pid == self._task_pid and self._kill is not None:
            probe = self._tell(self._kill)
            self._kill = None
            self.probed += 1
        return TraceSeen(boottime_ns=victim.timestamp_us * 1000, victim=victim, probe=probe)

    def lost(self) -> None:
        """Events are missing here: what was heard before may belong to another call."""
        self._call = self._kill = None

    def _parse(self, event: TraceEvent) -> ProbedCall | ProbedKill | None:
        try:
            return parse_probe(event, self._page_bytes)
        except ParseError:
            self.lost()
            raise

    def _remember(self, task_pid: int, probed: ProbedCall | ProbedKill) -> None:
        if isinstance(probed, ProbedCall):
            self._call, self._kill = probed, None
        else:
            if task_pid != self._task_pid:
                self._call = None
            self._kill = probed
        self._task_pid = task_pid

    def _tell(self, kill: ProbedKill) -> VictimProbe:
        call = self._call
        if call is None:
            return VictimProbe(
                start_boottime_ns=kill.start_boottime_ns, cgroup=self._path(kill.cgroup)
            )
        return VictimProbe(
            start_boottime_ns=kill.start_boottime_ns,
            cgroup=self._path(kill.cgroup),
            call_boottime_ns=call.timestamp_us * 1000,
            node_wide=call.memcg is None,
            limit_cgroup="" if call.memcg is None else self._path(call.memcg),
            limit_bytes=call.limit_bytes,
        )

    def _path(self, cgroup: ProbedCgroup) -> str:
        """From the root if the probe reached it by names, else from the nearest cgroup above that
        is known; "" if a name on the way is missing.
        """
        if cgroup.names[-1] == "" and None not in cgroup.names:
            return "/" + "/".join(name for name in cgroup.names[-2::-1] if name)
        below = ""
        for inode, name in zip(cgroup.inodes, cgroup.names, strict=True):
            known = self._path_of(inode)
            if known is not None:
                return known.rstrip("/") + below or "/"
            if name is None:
                return ""
            below = f"/{name}{below}"
        return ""
