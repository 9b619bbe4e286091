"""An agent that watches the real kernel, as far as a drill asks."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.api.v1 import event_pb2, node_agent_pb2, oom_pb2
from agent.drill.agent_hops import AgentError
from agent.drill.kernel_hops import now_ns
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs

Change = Callable[[oom_pb2.OOMIncident], None]


@dataclass
class WatchingAgent:
    """Finds the scratch cgroup, and tells its kill once the kernel has counted it.

    Its ledger is asked all the time, which drives the rest.
    """

    fs: CgroupFs
    change: Change = lambda incident: None  # what it gets wrong
    blind: bool = False  # it sees nothing at all
    subscribe_error: str = ""
    stream_silent: bool = False
    balanced: bool = True
    victims: int = 7
    _seen: dict[str, int] = field(default_factory=dict)  # cgroup to pid
    _incidents: list[oom_pb2.OOMIncident] = field(default_factory=list)
    _queue: queue.SimpleQueue[event_pb2.Event | None] = field(default_factory=queue.SimpleQueue)

    def events(self) -> Iterator[node_agent_pb2.WatchEventsResponse]:
        if self.subscribe_error:
            raise AgentError(self.subscribe_error)
        if self.stream_silent:
            self._queue.get()
        yield node_agent_pb2.WatchEventsResponse(position=event_pb2.ResumeToken(sequence=41))
        while True:
            event = self._queue.get()
            if event is None:
                return
            yield node_agent_pb2.WatchEventsResponse(events=[event])

    def stop(self) -> None:
        """End the stream."""
        self._queue.put(None)

    def incidents(self, since_wall_ns: int) -> node_agent_pb2.ListOOMIncidentsResponse:
        if not self.blind:
            self._look()
        kills = len(self._incidents)
        books = oom_pb2.OOMBooks(
            counted=self.victims + kills,
            victims=self.victims + kills,
            drill_victims=kills,
            balanced=self.balanced,
        )
        return node_agent_pb2.ListOOMIncidentsResponse(incidents=self._incidents, books=books)

    def metrics(self, url: str) -> bytes:
        """Its page of metrics."""
        return f"# HELP x y\nnodewitness_oom_drill_kills_total {len(self._incidents)}.0\n".encode()

    def _look(self) -> None:
        for path, _ in self.fs.children("/"):
            if not path.startswith("/nodewitness-drill-"):
                continue
            try:
                for pid in self.fs.procs(path):
                    self._seen[path] = pid
                counters = self.fs.open_counters(path)
            except SourceAbsent:
                continue
            killed = counters.read().events.oom_kill
            counters.close()
            known = any(path == incident.victims[0].cgroup for incident in self._incidents)
            if killed and not known and path in self._seen:
                self._tell(path)

    def _tell(self, path: str) -> None:
        incident = oom_pb2.OOMIncident(
            id="boot/k451",
            revision=1,
            drill=True,
            confidence=oom_pb2.CONFIDENCE_HIGH,
            victims=[
                oom_pb2.Victim(
                    pid=self._seen[path],
                    cgroup=path,
                    attribution=oom_pb2.ATTRIBUTION_PROC,
                    witnesses=[oom_pb2.WITNESS_MEMORY_EVENTS, oom_pb2.WITNESS_KMSG],
                )
            ],
        )
        incident.time.FromNanoseconds(time.time_ns())
        self.change(incident)
        self._incidents.append(incident)
        self._queue.put(event_pb2.Event(sequence=42, boottime_ns=now_ns(), oom_recorded=incident))
