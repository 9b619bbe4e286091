"""The codec of container deaths: agent.model.exits and exits.proto.

A verdict that this version does not know, as a newer one may write it, is decoded as UNKNOWN.
"""

from __future__ import annotations

from agent.api.oom import CONFIDENCE, DISAGREEMENT, container_to_model, container_to_wire
from agent.api.v1 import exits_pb2 as pb
from agent.api.wire import CodecError, EnumTable, coding, from_timestamp, text, timestamp
from agent.model.exits import ContainerDeath, Sender, StopReason, Verdict

VERDICT = EnumTable(
    {
        Verdict.OOM_CONTAINER_LIMIT: pb.VERDICT_OOM_CONTAINER_LIMIT,
        Verdict.OOM_POD_LIMIT: pb.VERDICT_OOM_POD_LIMIT,
        Verdict.OOM_KUBEPODS_LIMIT: pb.VERDICT_OOM_KUBEPODS_LIMIT,
        Verdict.OOM_NESTED_LIMIT: pb.VERDICT_OOM_NESTED_LIMIT,
        Verdict.OOM_NODE: pb.VERDICT_OOM_NODE,
        Verdict.OOM_GROUP_SIBLING: pb.VERDICT_OOM_GROUP_SIBLING,
        Verdict.KILLED_BY_RUNTIME: pb.VERDICT_KILLED_BY_RUNTIME,
        Verdict.STOPPED_BY_RUNTIME: pb.VERDICT_STOPPED_BY_RUNTIME,
        Verdict.GRACE_EXCEEDED: pb.VERDICT_GRACE_EXCEEDED,
        Verdict.KILLED_BY_OOMD: pb.VERDICT_KILLED_BY_OOMD,
        Verdict.KILLED_BY_PROCESS: pb.VERDICT_KILLED_BY_PROCESS,
        Verdict.CRASHED: pb.VERDICT_CRASHED,
        Verdict.EXITED: pb.VERDICT_EXITED,
        Verdict.UNKNOWN: pb.VERDICT_UNSPECIFIED,
    },
    foreign=Verdict.UNKNOWN,
)
STOP_REASON = EnumTable(
    {
        StopReason.NONE: pb.STOP_REASON_UNSPECIFIED,
        StopReason.RESTART: pb.STOP_REASON_RESTART,
        StopReason.EVICTION: pb.STOP_REASON_EVICTION,
        StopReason.DELETION: pb.STOP_REASON_DELETION,
        StopReason.UNKNOWN: pb.STOP_REASON_UNKNOWN,
    },
    foreign=StopReason.UNKNOWN,
)


def death_to_wire(death: ContainerDeath) -> pb.ContainerDeath:
    """What is None stays absent. The boot id travels in the id, which must begin with it.

    Raises `CodecError` if it does not, or if a number is out of its field's range.
    """
    if not death.id.startswith(death.boot_id + "/") or "/" in death.boot_id:
        raise CodecError(f"death {death.id!r} is not of boot {death.boot_id!r}")
    started = death.started_wall_ns
    with coding(f"death {death.id}"):
        return pb.ContainerDeath(
            id=death.id,
            revision=death.revision,
            container=container_to_wire(death.container),
            attempt=death.attempt,
            boottime_ns=death.boottime_ns,
            time=timestamp(death.wall_ns),
            started=None if started is None else timestamp(started),
            verdict=VERDICT.to_wire(death.verdict),
            stop_reason=STOP_REASON.to_wire(death.stop_reason),
            exit_code=death.exit_code,
            signal=death.signal,
            core_dumped=death.core_dumped,
            init_pid=death.init_pid,
            sender=None if death.sender is None else sender_to_wire(death.sender),
            term_boottime_ns=death.term_boottime_ns,
            incident_ids=death.incident_ids,
            runtime_says=text(death.runtime_says),
            disagreement=DISAGREEMENT.to_wire(death.disagreement),
            confidence=CONFIDENCE.to_wire(death.confidence),
            witnesses=death.witnesses,
            memory_working_set=death.memory_working_set,
            memory_limit=death.memory_limit,
            memory_pressure_full=death.memory_pressure_full,
            cpu_pressure_some=death.cpu_pressure_some,
            cpu_throttled_ratio=death.cpu_throttled_ratio,
            io_pressure_full=death.io_pressure_full,
            node_cpu_pressure_some=death.node_cpu_pressure_some,
            node_memory_pressure_full=death.node_memory_pressure_full,
            node_io_pressure_full=death.node_io_pressure_full,
            network_saturated=death.network_saturated,
            settled=death.settled,
        )


def death_to_model(wire: pb.ContainerDeath) -> ContainerDeath:
    """The inverse of `death_to_wire`; `CodecError` if the id does not name its boot."""
    boot_id, slash, _ = wire.id.partition("/")
    if not slash:
        raise CodecError(f"death {wire.id!r} does not name its boot")
    has = wire.HasField
    return ContainerDeath(
        id=wire.id,
        boot_id=boot_id,
        revision=wire.revision,
        container=container_to_model(wire.container),
        attempt=wire.attempt if has("attempt") else None,
        boottime_ns=wire.boottime_ns,
        wall_ns=from_timestamp(wire.time),
        started_wall_ns=from_timestamp(wire.started) if has("started") else None,
        verdict=VERDICT.to_model(wire.verdict),
        stop_reason=STOP_REASON.to_model(wire.stop_reason),
        exit_code=wire.exit_code if has("exit_code") else None,
        signal=wire.signal if has("signal") else None,
        core_dumped=wire.core_dumped,
        init_pid=wire.init_pid if has("init_pid") else None,
        sender=sender_to_model(wire.sender) if has("sender") else None,
        term_boottime_ns=wire.term_boottime_ns if has("term_boottime_ns") else None,
        incident_ids=tuple(wire.incident_ids),
        runtime_says=wire.runtime_says,
        disagreement=DISAGREEMENT.to_model(wire.disagreement),
        confidence=CONFIDENCE.to_model(wire.confidence),
        witnesses=tuple(wire.witnesses),
        memory_working_set=wire.memory_working_set if has("memory_working_set") else None,
        memory_limit=wire.memory_limit if has("memory_limit") else None,
        memory_pressure_full=wire.memory_pressure_full if has("memory_pressure_full") else None,
        cpu_pressure_some=wire.cpu_pressure_some if has("cpu_pressure_some") else None,
        cpu_throttled_ratio=wire.cpu_throttled_ratio if has("cpu_throttled_ratio") else None,
        io_pressure_full=wire.io_pressure_full if has("io_pressure_full") else None,
        node_cpu_pressure_some=wire.node_cpu_pressure_some
        if has("node_cpu_pressure_some")
        else None,
        node_memory_pressure_full=wire.node_memory_pressure_full
        if has("node_memory_pressure_full")
        else None,
        node_io_pressure_full=wire.node_io_pressure_full if has("node_io_pressure_full") else None,
        network_saturated=wire.network_saturated if has("network_saturated") else None,
        settled=wire.settled,
    )


def sender_to_wire(sender: Sender) -> pb.Sender:
    """Names that are not known stay empty."""
    container = sender.container
    return pb.Sender(
        pid=sender.pid,
        comm=text(sender.comm),
        cgroup=text(sender.cgroup),
        unit=text(sender.unit),
        container=None if container is None else container_to_wire(container),
    )


def sender_to_model(wire: pb.Sender) -> Sender:
    """The inverse of `sender_to_wire`."""
    return Sender(
        pid=wire.pid,
        comm=wire.comm,
        cgroup=wire.cgroup,
        unit=wire.unit,
        container=container_to_model(wire.container) if wire.HasField("container") else None,
    )
