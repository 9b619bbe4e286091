"""The flight recorder: a second trace instance that is never consumed

It holds oom:mark_victim and the probes of the OOM killer, so that a restarted agent can read again
what it had consumed and not written down. Where the OOM killer cannot be probed, it also holds
task:task_newtask and cgroup:cgroup_attach_task, which lead from a pid to its cgroup when both are
gone. It is read when that is needed, and only what is newer than what was read before is parsed.

Its ring is meant to be overwritten: that is no loss. What is too old to be in it is known by
`oldest_us`.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.host.trace_instance import TraceInstance
from agent.model.absence import ParseError
from agent.model.evidence import TraceSeen
from agent.model.lineage import Forked, Marked, Moved
from agent.observe.victims import Victims
from agent.parse import cgroup_attach_task, task_newtask
from agent.parse.trace_event import last_timestamp_us, parse_event, split_records
from agent.parse.trace_pipe import parse_mark_victim

NAME = "recorder"
LINEAGE = (task_newtask.EVENT, cgroup_attach_task.EVENT)

LATE_US = 1_000_000
"""An event that one CPU was writing while all were read appears out of order, at the next read."""


class Recorder:
    """Owns the instance. Its methods block, and are for one thread at a time."""

    def __init__(self, instance: TraceInstance, victims: Victims, *, forks: bool) -> None:
        """`forks`: whether forks and moves are recorded."""
        self._instance = instance
        self._victims: Victims | None = victims
        self.forks = forks
        self.buffer_bytes = instance.buffer_bytes
        self.records = 0
        self.unreadable = 0
        self.heard_us = 0  # what is older was parsed
        self.oldest_us: int | None = None  # nothing later than this was overwritten; None: empty
        self.overwrites = False  # what is older than `oldest_us` may be missing
        self.look()

    def read(self) -> Iterator[Forked | Moved | Marked | TraceSeen]:
        """What is new, oldest first; victims only the first time, for that is what a restart needs.

        An event of the last second may be told twice. Raises SourceAbsent, ParseError.
        """
        victims, self._victims = self._victims, None
        since_us = self.heard_us - LATE_US
        rest = b""
        for piece in self._instance.read_trace():
            text = rest + piece
            newest_us = last_timestamp_us(text)
            if newest_us is not None and newest_us < since_us:
                rest = text[text.rfind(b"\n") + 1 :]
                continue
            records, rest = split_records(text)
            for record in records:
                yield from self._told(record, since_us, victims)
        yield from self._told(rest.removesuffix(b"\n"), since_us, victims)
        self.look()

    def look(self) -> None:
        """See how far back the ring reaches. Raises SourceAbsent, ParseError."""
        stats = [cpu for cpu in self._instance.stats() if cpu.oldest_us is not None]
        overrun = [cpu.oldest_us for cpu in stats if cpu.overrun and cpu.oldest_us is not None]
        self.overwrites = bool(overrun)
        oldest = [cpu.oldest_us for cpu in stats if cpu.entries and cpu.oldest_us is not None]
        self.oldest_us = max(overrun) if overrun else min(oldest, default=None)

    def close(self) -> None:
        """Let go of it; it goes on recording."""
        self._instance.close()

    def _told(
        self, record: bytes, since_us: int, victims: Victims | None
    ) -> Iterator[Forked | Moved | Marked | TraceSeen]:
        event = parse_event(record)
        if event is None or event.timestamp_us < since_us:
            return
        self.heard_us = max(self.heard_us, event.timestamp_us)
        self.records += 1
        try:
            if event.name == task_newtask.NAME:
                yield task_newtask.parse_newtask(event)
            elif event.name == cgroup_attach_task.NAME:
                yield from cgroup_attach_task.parse_attach(event)
            else:
                marked = parse_mark_victim(record)
                if marked is not None:
                    yield Marked(marked.timestamp_us, marked.pid)
                seen = victims.hear(record) if victims is not None else None
                if seen is not None:
                    yield seen
        except ParseError:
            self.unreadable += 1
