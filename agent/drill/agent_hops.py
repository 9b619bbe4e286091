"""The agent's half of the way: its stream, its ledger, its metrics, its books."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec import Struct

from agent.api.v1 import node_agent_pb2, oom_pb2
from agent.drill.kernel_hops import now_ns
from agent.drill.report import IncidentSeen, Seen
from agent.drill.watch import HopError

_POLL_SECONDS = 0.02
_METRIC = b"nodewitness_oom_drill_kills_total"


class AgentError(Exception):
    """The agent did not answer, or with an error; the text says it to people."""


class Agent(Protocol):
    """What a drill asks of the agent; whoever holds a client brings it. Calls raise AgentError."""

    def events(self) -> Iterator[node_agent_pb2.WatchEventsResponse]:
        """WatchEvents from now on; the first message says that we are subscribed."""
        ...

    def incidents(self, since_wall_ns: int) -> node_agent_pb2.ListOOMIncidentsResponse: ...


class Prey(Struct, frozen=True, kw_only=True):
    """Our kill, as the agent must name it."""

    cgroup: str
    pid: int
    since_wall_ns: int

    def find(self, incidents: list[oom_pb2.OOMIncident]) -> oom_pb2.OOMIncident | None:
        """The incident whose victim is our eater."""
        return next((incident for incident in incidents if self.is_in(incident)), None)

    def is_in(self, incident: oom_pb2.OOMIncident) -> bool:
        """Whether our eater is a victim of this incident. The name of its cgroup is unique."""
        return any(victim.cgroup == self.cgroup for victim in incident.victims)


class StreamHop:
    """The event of our kill, on a subscription that was opened before it."""

    name = "stream"
    check = "the agent sent no event: `nodectl status` says which source is blind; `nodectl events`"
    interval_seconds = 0.0
    _WAIT_SECONDS = 0.05

    def __init__(self, agent: Agent, prey: Prey, wait_seconds: float) -> None:
        """Subscribe, and wait until that is confirmed. Raises AgentError."""
        self._prey = prey
        self._queue: queue.SimpleQueue[
            tuple[int, node_agent_pb2.WatchEventsResponse] | AgentError
        ] = queue.SimpleQueue()
        self._events = agent.events()
        threading.Thread(target=self._pump, name="drill-stream-pump", daemon=True).start()
        try:
            first = self._queue.get(timeout=wait_seconds)
        except queue.Empty:
            raise AgentError("WatchEvents: the agent did not confirm the subscription") from None
        if isinstance(first, AgentError):
            raise first

    def look(self) -> Seen | None:
        """Wait a moment for messages."""
        try:
            got = self._queue.get(timeout=self._WAIT_SECONDS)
        except queue.Empty:
            return None
        if isinstance(got, AgentError):
            self._queue.put(got)  # it ended: every later look says the same
            raise HopError(str(got))
        at_ns, message = got
        for event in message.events:
            kind = event.WhichOneof("kind") or ""
            if kind in ("oom_recorded", "oom_amended") and self._prey.is_in(getattr(event, kind)):
                what = f"event {event.sequence}, {kind}"
                return Seen(boottime_ns=at_ns, what=what, published_ns=event.boottime_ns)
        return None

    def _pump(self) -> None:
        try:
            for message in self._events:
                self._queue.put((now_ns(), message))
            self._queue.put(AgentError("the agent ended the stream"))
        except AgentError as error:
            self._queue.put(error)


class LedgerHop:
    """The incident of our kill in the ledger, on our cgroup, with our pid, marked as a drill."""

    name = "ledger"
    check = "compare `nodectl oom --since 1m` and `nodectl status`"
    interval_seconds = _POLL_SECONDS

    def __init__(self, agent: Agent, prey: Prey) -> None:
        self._agent = agent
        self._prey = prey

    def look(self) -> Seen | None:
        """Ask for the list."""
        prey = self._prey
        incident = prey.find(list(_ask(self._agent, prey.since_wall_ns).incidents))
        if incident is None:
            return None
        at_ns = now_ns()
        if not any(victim.pid == prey.pid for victim in incident.victims):
            raise HopError(
                f"incident {incident.id} is on our cgroup but has not our pid {prey.pid}"
            )
        if not incident.drill:
            raise HopError(
                f"incident {incident.id} is not marked as a drill: it would page somebody"
            )
        return Seen(boottime_ns=at_ns, what=f"incident {incident.id}: our cgroup, our pid")

    def last_word(self) -> IncidentSeen | None:
        """The incident as it is now; None if it is not there or the agent does not answer."""
        prey = self._prey
        try:
            incident = prey.find(list(_ask(self._agent, prey.since_wall_ns).incidents))
        except HopError:
            return None
        if incident is None:
            return None
        victim = next(v for v in incident.victims if v.cgroup == prey.cgroup)
        return IncidentSeen(
            id=incident.id,
            revision=incident.revision,
            witnesses=tuple(oom_pb2.Witness.Name(witness) for witness in victim.witnesses),
            confidence=oom_pb2.Confidence.Name(incident.confidence),
            attribution=oom_pb2.Attribution.Name(victim.attribution),
        )


class BooksHop:
    """The agent's books: our kill is in them, they balance, and nothing is pending."""

    name = "books"
    check = "`nodectl status` shows the books; kills still pending settle within seconds"
    interval_seconds = 5 * _POLL_SECONDS

    def __init__(self, agent: Agent, since_wall_ns: int) -> None:
        """Note how they stand. Raises AgentError."""
        self._agent = agent
        self._since_wall_ns = since_wall_ns
        self._before = agent.incidents(since_wall_ns).books.drill_victims

    def look(self) -> Seen | None:
        """Ask for them."""
        books = _ask(self._agent, self._since_wall_ns).books
        at_ns = now_ns()
        if not books.HasField("counted"):
            raise HopError("the agent cannot read the kernel's count (/proc/vmstat)")
        if books.drill_victims <= self._before:
            raise HopError(f"they know of {books.drill_victims} drill kills, as before")
        sides = (
            f"{books.victims} attributed + {books.repeats} repeats "
            f"+ {books.unattributed} unattributed"
        )
        if books.pending or not books.balanced:
            raise HopError(
                f"{books.counted} counted, {sides} + {books.pending} pending: "
                f"{'still pending' if books.balanced else 'they do NOT balance'}"
            )
        return Seen(boottime_ns=at_ns, what=f"{books.counted} kills = {sides}")


class MetricsHop:
    """The drill counter on /metrics."""

    name = "metrics"
    check = "is this the agent's address (serve.metrics_address)? --metrics URL, or --metrics none"
    interval_seconds = 5 * _POLL_SECONDS

    def __init__(self, url: str, fetch: Callable[[str], bytes]) -> None:
        """Note the count before. A page that cannot be had now is an obstacle later."""
        self._url = url
        self._fetch = fetch
        self._before: float | None = None
        self._obstacle = ""
        try:
            self._before = self._count()
        except HopError as error:
            self._obstacle = str(error)

    def look(self) -> Seen | None:
        """Scrape."""
        if self._before is None:
            raise HopError(self._obstacle)
        count = self._count()
        if count <= self._before:
            return None
        what = f"{_METRIC.decode()} {self._before:g} -> {count:g}"
        return Seen(boottime_ns=now_ns(), what=what)

    def _count(self) -> float:
        try:
            page = self._fetch(self._url)
        except OSError as error:
            raise HopError(f"{self._url}: {error}") from None
        for line in page.splitlines():
            if line.startswith(_METRIC + b" "):
                try:
                    return float(line.split()[1])
                except ValueError:
                    break
        raise HopError(f"{self._url} has no {_METRIC.decode()}: is this nodewitness?")


def _ask(agent: Agent, since_wall_ns: int) -> node_agent_pb2.ListOOMIncidentsResponse:
    try:
        return agent.incidents(since_wall_ns)
    except AgentError as error:
        raise HopError(str(error)) from None
