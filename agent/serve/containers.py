"""ListContainers and ListPods: the inventory, and what the last sweep says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from google.protobuf.timestamp_pb2 import Timestamp

from agent.api.containers import state_to_wire, usage_to_wire
from agent.api.v1 import containers_pb2, node_agent_pb2
from agent.api.wire import text, timestamp
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord, PodRecord
from agent.inventory.running import Running
from agent.model.oom import Container
from agent.model.usage import CgroupKind, CgroupSample
from agent.serve.messages import that_fit


async def containers(
    request: node_agent_pb2.ListContainersRequest, running: Running
) -> node_agent_pb2.ListContainersResponse:
    """ListContainers' answer."""
    wanted = _wanted(request.namespace, request.pod)
    records = sorted(
        (
            record
            for record in running.containers
            if wanted(record.names)
            and (request.sandboxes or record.kind is not ContainerKind.SANDBOX)
        ),
        key=lambda r: (r.names.namespace, r.names.pod, r.names.name, r.first_seen_ns),
    )
    services = request.services and not (request.namespace or request.pod)
    found, truncated = await that_fit(_containers(records, running, services=services))
    return node_agent_pb2.ListContainersResponse(
        containers=found, truncated=truncated, missed=running.missed
    )


async def pods(
    request: node_agent_pb2.ListPodsRequest, running: Running
) -> node_agent_pb2.ListPodsResponse:
    """ListPods' answer."""
    wanted = _wanted(request.namespace, request.pod)
    in_pod: dict[str, list[ContainerRecord]] = {}
    for record in running.containers:
        in_pod.setdefault(record.place.pod_uid, []).append(record)
    records = sorted(
        (pod for pod in running.pods if wanted(pod.names)),
        key=lambda pod: (pod.names.namespace, pod.names.pod, pod.names.pod_uid),
    )
    found, truncated = await that_fit(
        _pod(pod, in_pod.get(pod.names.pod_uid, []), running) for pod in records
    )
    return node_agent_pb2.ListPodsResponse(pods=found, truncated=truncated, missed=running.missed)


def _containers(
    records: Iterable[ContainerRecord], running: Running, *, services: bool
) -> Iterator[containers_pb2.ContainerUsage]:
    for record in records:
        sample = running.sample(record.id)
        names = record.names
        yield containers_pb2.ContainerUsage(
            kind=containers_pb2.CONTAINER_KIND_SANDBOX
            if record.kind is ContainerKind.SANDBOX
            else containers_pb2.CONTAINER_KIND_CONTAINER,
            namespace=text(names.namespace),
            pod=text(names.pod),
            pod_uid=text(names.pod_uid),
            container=text(names.name),
            container_id=text(names.id),
            names_from=names.names_from,
            cgroup=text(record.place.path),
            qos=record.place.qos,
            state=state_to_wire(sample),
            init_pid=record.init_pid,
            started=_wall(record.init_start_boottime_ns, running),
            usage=_usage(sample, running),
        )
    if services and running.report is not None:
        for sample in running.report.sweep.samples.values():
            if sample.kind is CgroupKind.SERVICE:
                yield containers_pb2.ContainerUsage(
                    kind=containers_pb2.CONTAINER_KIND_SERVICE,
                    unit=text(sample.place.unit),
                    cgroup=text(sample.place.path),
                    state=state_to_wire(sample),
                    usage=_usage(sample, running),
                )


def _pod(
    pod: PodRecord, inside: list[ContainerRecord], running: Running
) -> containers_pb2.PodUsage:
    sample = running.sample(pod.id)
    names = pod.names
    own = [record for record in inside if record.kind is not ContainerKind.SANDBOX]
    samples = (running.sample(record.id) for record in own)
    starts = [r.init_start_boottime_ns for r in inside if r.init_start_boottime_ns is not None]
    return containers_pb2.PodUsage(
        namespace=text(names.namespace),
        pod=text(names.pod),
        pod_uid=text(names.pod_uid),
        names_from=names.names_from,
        cgroup=text(pod.path),
        qos=inside[0].place.qos if inside else "" if sample is None else sample.place.qos,
        state=state_to_wire(sample),
        containers=len(own),
        running=sum(found is not None and bool(found.populated) for found in samples),
        started=_wall(min(starts, default=None), running),
        usage=_usage(sample, running),
    )


def _usage(sample: CgroupSample | None, running: Running) -> containers_pb2.Usage | None:
    if sample is None:
        return None
    return usage_to_wire(sample, running.derived(sample.id), running.wall_offset_ns)


def _wall(boottime_ns: int | None, running: Running) -> Timestamp | None:
    """A moment since boot, by the wall clock."""
    return None if boottime_ns is None else timestamp(boottime_ns + running.wall_offset_ns)


def _wanted(namespace: str, pod: str) -> Callable[[Container], bool]:
    def wanted(names: Container) -> bool:
        return (not namespace or namespace == names.namespace) and (
            not pod or pod in (names.pod, names.pod_uid)
        )

    return wanted
