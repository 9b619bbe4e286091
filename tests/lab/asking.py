"""What the agent in the guest says, over its real API and /metrics."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import grpc
from prometheus_client.parser import text_string_to_metric_families

from agent.api.v1 import node_agent_pb2 as pb
from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE, Condition
from agent.api.v1.containers_pb2 import ContainerUsage, PodUsage
from agent.api.v1.cpu_pb2 import CPUReport
from agent.api.v1.event_pb2 import Event, ResumeToken, RuntimeDisagreement
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.api.v1.heartbeat_pb2 import HeartbeatReport
from agent.api.v1.io_pb2 import BlockedReport, DiskReport
from agent.api.v1.kubelet_pb2 import KubeletReport
from agent.api.v1.memory_pb2 import MemoryReport
from agent.api.v1.node_agent_pb2_grpc import NodeAgentStub
from agent.api.v1.oom_pb2 import OOMBooks, OOMIncident
from agent.api.v1.plumbing_pb2 import PlumbingReport
from agent.api.v1.pressure_pb2 import PressureReport
from agent.api.v1.pulls_pb2 import PullReport
from agent.api.v1.runtime_pb2 import RuntimeReport
from agent.api.v1.status_pb2 import Status
from tests.lab.agent_process import AgentProcess
from tests.lab.deadline import until
from tests.lab.truth import Books, Mark

T = TypeVar("T")
CALL_SECONDS = 90.0
SETTLE_SECONDS = 180.0
EXIT_SECONDS = 180.0
"""An entry waits for the runtime's word, which a busy machine gives late."""
CONDITION_SECONDS = 180.0
"""Some need several looks, seconds apart, on a machine that may be slow."""


class Asking:
    """A client of one agent; outlives its restarts."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent
        self.guest = agent.guest
        self._stub = NodeAgentStub(agent.channel)

    def status(self) -> Status:
        """GetStatus."""
        return self._stub.GetStatus(pb.GetStatusRequest(), timeout=CALL_SECONDS).status

    def books(self) -> OOMBooks:
        """The books as they stand."""
        return self.status().oom

    def nothing_pending(self) -> OOMBooks | None:
        """The books, once every count in them is settled."""
        books = self.books()
        return None if books.pending else books

    def settled(self) -> OOMBooks:
        """The books, when all that happened before the agent was started is judged: to count
        from.
        """
        return until(self.nothing_pending, SETTLE_SECONDS, "nothing is pending")

    def memory(self) -> MemoryReport:
        """GetMemory, as soon as something is read."""
        request = pb.GetMemoryRequest()
        return _when_read(lambda: self._stub.GetMemory(request, timeout=CALL_SECONDS).memory)

    def containers(self, **filters: object) -> list[ContainerUsage]:
        """ListContainers."""
        request = pb.ListContainersRequest(**filters)  # type: ignore[arg-type]
        return list(self._stub.ListContainers(request, timeout=CALL_SECONDS).containers)

    def pods(self, **filters: object) -> list[PodUsage]:
        """ListPods."""
        request = pb.ListPodsRequest(**filters)  # type: ignore[arg-type]
        return list(self._stub.ListPods(request, timeout=CALL_SECONDS).pods)

    def pressure(self) -> PressureReport:
        """GetPressure, as soon as something is read."""
        request = pb.GetPressureRequest()
        return _when_read(lambda: self._stub.GetPressure(request, timeout=CALL_SECONDS).pressure)

    def cni(self, **filters: object) -> pb.ListCNICallsResponse:
        """ListCNICalls."""
        request = pb.ListCNICallsRequest(**filters)  # type: ignore[arg-type]
        return self._stub.ListCNICalls(request, timeout=CALL_SECONDS)

    def networks(self, **filters: object) -> pb.ListPodNetworksResponse:
        """ListPodNetworks, as soon as something is read."""
        request = pb.ListPodNetworksRequest(**filters)  # type: ignore[arg-type]
        return _when_read(lambda: self._stub.ListPodNetworks(request, timeout=CALL_SECONDS))

    def plumbing(self) -> PlumbingReport:
        """GetPlumbing, as soon as something is read."""
        request = pb.GetPlumbingRequest()
        return _when_read(lambda: self._stub.GetPlumbing(request, timeout=CALL_SECONDS).plumbing)

    def namespaces(self, **filters: object) -> pb.ListNamespacesResponse:
        """ListNamespaces, as soon as something is read."""
        request = pb.ListNamespacesRequest(**filters)  # type: ignore[arg-type]
        return _when_read(lambda: self._stub.ListNamespaces(request, timeout=CALL_SECONDS))

    def runtime(self) -> RuntimeReport:
        """GetRuntime, as soon as something is read."""
        request = pb.GetRuntimeRequest()
        return _when_read(lambda: self._stub.GetRuntime(request, timeout=CALL_SECONDS).runtime)

    def devices(self) -> DiskReport:
        """ListDevices, as soon as something is read."""
        request = pb.ListDevicesRequest()
        return _when_read(lambda: self._stub.ListDevices(request, timeout=CALL_SECONDS).io)

    def cpu(self) -> CPUReport:
        """GetCPU, as soon as something is read."""
        request = pb.GetCPURequest()
        return _when_read(lambda: self._stub.GetCPU(request, timeout=CALL_SECONDS).cpu)

    def blocked(self, **filters: object) -> BlockedReport:
        """ListBlockedTasks, as soon as something is read."""
        request = pb.ListBlockedTasksRequest(**filters)  # type: ignore[arg-type]
        call = self._stub.ListBlockedTasks
        return _when_read(lambda: call(request, timeout=CALL_SECONDS).blocked)

    def pulls(self) -> PullReport:
        """ListPulls, as soon as something is read."""
        request = pb.ListPullsRequest()
        return _when_read(lambda: self._stub.ListPulls(request, timeout=CALL_SECONDS).pulls)

    def heartbeat(self) -> HeartbeatReport:
        """GetHeartbeat, as soon as something is read."""
        request = pb.GetHeartbeatRequest()
        return _when_read(lambda: self._stub.GetHeartbeat(request, timeout=CALL_SECONDS).heartbeat)

    def kubelet(self) -> KubeletReport:
        """GetKubelet, as soon as something is read."""
        request = pb.GetKubeletRequest()
        return _when_read(lambda: self._stub.GetKubelet(request, timeout=CALL_SECONDS).kubelet)

    def conditions(self, **filters: object) -> list[Condition]:
        """ListConditions, the worst first."""
        request = pb.ListConditionsRequest(**filters)  # type: ignore[arg-type]
        return list(self._stub.ListConditions(request, timeout=CALL_SECONDS).conditions)

    def condition(
        self,
        type_: str,
        pod: str,
        wanted: Callable[[Condition], bool] = lambda condition: True,
        status: int = CONDITION_STATUS_TRUE,
    ) -> Condition:
        """The condition of this type of a pod, or of a container of it, once it is as wanted."""

        def found() -> Condition | None:
            conditions = self.conditions(types=[type_], pod=pod, statuses=[status])
            return next(filter(wanted, conditions), None)

        return until(
            found,
            CONDITION_SECONDS,
            f"{type_} of {pod} with status {status}",
            lambda: f"{self.conditions(all=True)}\n{self._agent.log()}",
        )

    def exits(self, **filters: object) -> list[ContainerDeath]:
        """ListExits, newest first."""
        request = pb.ListExitsRequest(**filters)  # type: ignore[arg-type]
        return list(self._stub.ListExits(request, timeout=CALL_SECONDS).exits)

    def exit(
        self, pod: str, wanted: Callable[[ContainerDeath], bool] = lambda death: True
    ) -> ContainerDeath:
        """The one death in this pod, once it is settled, has the runtime's word (of which a busy
        machine may be late) and is as wanted; an error if there are more.
        """

        def found() -> ContainerDeath | None:
            deaths = self.exits(pod=pod)
            assert len(deaths) <= 1, deaths
            ready = [d for d in deaths if d.settled and d.runtime_says and wanted(d)]
            return ready[0] if ready else None

        return until(
            found,
            EXIT_SECONDS,
            f"the death in {pod}",
            lambda: f"{self.exits()}\n{self._agent.log()}",
        )

    def incidents(self, **filters: object) -> list[OOMIncident]:
        """ListOOMIncidents, newest first."""
        request = pb.ListOOMIncidentsRequest(**filters)  # type: ignore[arg-type]
        return list(self._stub.ListOOMIncidents(request, timeout=CALL_SECONDS).incidents)

    def incident(
        self, pod: str, wanted: Callable[[OOMIncident], bool] = lambda incident: True
    ) -> OOMIncident:
        """The one incident of this pod, once it is as wanted; an error if there are more."""

        def found() -> OOMIncident | None:
            incidents = self.incidents(pod=pod)
            assert len(incidents) <= 1, incidents
            return incidents[0] if incidents and wanted(incidents[0]) else None

        return until(
            found,
            SETTLE_SECONDS,
            f"the incident of {pod}",
            lambda: f"{self.incidents()}\n{self._agent.log()}",
        )

    def closed(self, pod: str) -> OOMIncident:
        """The one incident of this pod, once its outcome is settled and the runtime was asked."""
        return self.incident(pod, lambda incident: incident.outcome != 0)

    def watch(self, resume: ResumeToken | None = None) -> Iterator[pb.WatchEventsResponse]:
        """WatchEvents; the first message is read already, so the subscription stands."""
        call = self._stub.WatchEvents(pb.WatchEventsRequest(resume=resume), timeout=120)
        next(call)
        return call

    def watch_all(self) -> Iterator[pb.WatchEventsResponse]:
        """WatchEvents from the first event that is held."""
        return self._stub.WatchEvents(pb.WatchEventsRequest(resume=ResumeToken()), timeout=120)

    def events(self) -> list[Event]:
        """All events that are held, up to now; an error if some are missing."""
        newest = self._stub.WatchEvents(pb.WatchEventsRequest(), timeout=CALL_SECONDS)
        head = next(newest).position
        newest.cancel()
        found: list[Event] = []
        replay = self._stub.WatchEvents(pb.WatchEventsRequest(resume=ResumeToken()), timeout=120)
        for message in replay:
            assert not message.HasField("gap"), message.gap
            found += message.events
            if message.position.sequence >= head.sequence:
                replay.cancel()
                return found
        raise AssertionError("the stream ended")

    def disagreement(self, pod: str) -> RuntimeDisagreement:
        """The event of the disagreement on this pod, from the beginning of the stream."""
        for message in self.watch_all():
            for event in message.events:
                if event.WhichOneof("kind") == "runtime_disagreement":
                    said = event.runtime_disagreement
                    if said.container.pod == pod:
                        return said
        raise AssertionError(f"the stream ended without a disagreement on {pod}")

    def balanced(self, before: OOMBooks, mark: Mark, kernel: Books) -> OOMBooks:
        """Wait until nothing is pending, then hold the books against the kernel's own.

        The kernel's count since the mark = victims + repeats, and nothing is unattributed.
        """
        expected = mark.oom_kill + kernel.counted

        def settled() -> OOMBooks | None:
            books = self.books()
            return books if books.counted == expected and books.pending == 0 else None

        after = until(
            settled,
            SETTLE_SECONDS,
            f"the books hold {expected} kills and none is pending",
            lambda: f"{self.books()}\n{self._agent.log()}",
        )
        assert after.balanced
        assert after.victims - before.victims == len(kernel.victims), (before, after)
        assert after.repeats - before.repeats == kernel.repeats
        assert after.unattributed == before.unattributed
        return after

    def metric(self, name: str, **labels: str) -> float:
        """One sample of /metrics; KeyError if there is none, or more than one."""
        found = self.metrics(name, **labels)
        if len(found) != 1:
            raise KeyError(f"{name}{labels}: {len(found)} samples")
        return found[0][1]

    def metrics(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """All samples of /metrics of this name with these labels, each with its other ones."""
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self._agent.metrics())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def kills(self, pod: str, outcome: str, container: str = "main") -> float:
        """nodewitness_oom_kills_total of a container; waits until the series is there."""
        labels = {"namespace": "default", "pod": pod, "container": container, "outcome": outcome}

        def sample() -> tuple[float] | None:
            try:
                return (self.metric("nodewitness_oom_kills_total", **labels),)
            except KeyError:
                return None

        return until(sample, SETTLE_SECONDS, f"a series for {labels}", self._agent.metrics)[0]


def _when_read(ask: Callable[[], T]) -> T:
    """The answer; for a moment after its start the agent has read nothing yet, and says so."""

    def answered() -> T | None:
        try:
            return ask()
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE and "ask again" in (
                error.details() or ""
            ):
                return None
            raise

    return until(answered, SETTLE_SECONDS, "something is read")


def incident_of(event: Event) -> OOMIncident | None:
    """The incident that an event tells of, if it does."""
    match event.WhichOneof("kind"):
        case "oom_recorded":
            return event.oom_recorded
        case "oom_amended":
            return event.oom_amended
        case _:
            return None
