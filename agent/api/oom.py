"""The codec of OOM incidents and books: agent.model.oom and oom.proto.

A number of an enum that this version does not know, as a newer one may write it, is decoded as the
member that claims the least: UNKNOWN, NONE, LOW. A witness that is not known is left out.
"""

from __future__ import annotations

from agent.api.v1 import oom_pb2 as pb
from agent.api.wire import (
    CodecError,
    EnumTable,
    coding,
    duration,
    from_duration,
    from_timestamp,
    text,
    timestamp,
)
from agent.model.oom import (
    Attribution,
    Confidence,
    Container,
    ContainerExit,
    Disagreement,
    ExitTeller,
    LimitLevel,
    OOMBooks,
    OOMIncident,
    Outcome,
    Truth,
    Victim,
    Witness,
)

WITNESS = EnumTable(
    {
        Witness.VMSTAT: pb.WITNESS_VMSTAT,
        Witness.MEMORY_EVENTS: pb.WITNESS_MEMORY_EVENTS,
        Witness.KMSG: pb.WITNESS_KMSG,
        Witness.TRACE: pb.WITNESS_TRACE,
        Witness.EXIT: pb.WITNESS_EXIT,
    },
    foreign=None,
)
ATTRIBUTION = EnumTable(
    {
        Attribution.NONE: pb.ATTRIBUTION_UNSPECIFIED,
        Attribution.PROBE: pb.ATTRIBUTION_PROBE,
        Attribution.PROC: pb.ATTRIBUTION_PROC,
        Attribution.KMSG_HEADER: pb.ATTRIBUTION_KMSG_HEADER,
        Attribution.KMSG_GROUP: pb.ATTRIBUTION_KMSG_GROUP,
        Attribution.RECORDER: pb.ATTRIBUTION_RECORDER,
        Attribution.SCAN: pb.ATTRIBUTION_SCAN,
        Attribution.COUNTER: pb.ATTRIBUTION_COUNTER,
    },
    foreign=Attribution.NONE,
)
CONFIDENCE = EnumTable(
    {
        Confidence.LOW: pb.CONFIDENCE_LOW,
        Confidence.MEDIUM: pb.CONFIDENCE_MEDIUM,
        Confidence.HIGH: pb.CONFIDENCE_HIGH,
    },
    foreign=Confidence.LOW,
)
LIMIT_LEVEL = EnumTable(
    {
        LimitLevel.UNKNOWN: pb.LIMIT_LEVEL_UNSPECIFIED,
        LimitLevel.CONTAINER: pb.LIMIT_LEVEL_CONTAINER,
        LimitLevel.POD: pb.LIMIT_LEVEL_POD,
        LimitLevel.QOS: pb.LIMIT_LEVEL_QOS,
        LimitLevel.KUBEPODS: pb.LIMIT_LEVEL_KUBEPODS,
        LimitLevel.NESTED: pb.LIMIT_LEVEL_NESTED,
        LimitLevel.SYSTEM: pb.LIMIT_LEVEL_SYSTEM,
        LimitLevel.NODE: pb.LIMIT_LEVEL_NODE,
    },
    foreign=LimitLevel.UNKNOWN,
)
OUTCOME = EnumTable(
    {
        Outcome.OPEN: pb.OUTCOME_UNSPECIFIED,
        Outcome.SURVIVED: pb.OUTCOME_SURVIVED,
        Outcome.DIED: pb.OUTCOME_DIED,
        Outcome.UNKNOWN: pb.OUTCOME_UNKNOWN,
    },
    foreign=Outcome.UNKNOWN,
)
TRUTH = EnumTable(
    {
        Truth.YES: pb.TRUTH_YES,
        Truth.NO: pb.TRUTH_NO,
        Truth.UNKNOWN: pb.TRUTH_UNKNOWN,
    },
    foreign=Truth.UNKNOWN,
)
DISAGREEMENT = EnumTable(
    {
        Disagreement.NONE: pb.DISAGREEMENT_UNSPECIFIED,
        Disagreement.KILL_NOT_REPORTED: pb.DISAGREEMENT_KILL_NOT_REPORTED,
        Disagreement.REPORTED_WITHOUT_DEATH: pb.DISAGREEMENT_REPORTED_WITHOUT_DEATH,
        Disagreement.KERNEL_COUNTED_NONE: pb.DISAGREEMENT_KERNEL_COUNTED_NONE,
    },
    foreign=Disagreement.NONE,
)
EXIT_TELLER = EnumTable(
    {
        ExitTeller.KERNEL: pb.EXIT_TELLER_KERNEL,
        ExitTeller.RUNTIME: pb.EXIT_TELLER_RUNTIME,
    },
    foreign=ExitTeller.RUNTIME,
)


def victim_to_wire(victim: Victim) -> pb.Victim:
    """What is None stays absent; `ValueError` if a number is out of its field's range."""
    return pb.Victim(
        pid=victim.pid,
        namespace_pid=victim.namespace_pid,
        start_boottime_ns=victim.start_boottime_ns,
        comm=text(victim.comm),
        uid=victim.uid,
        oom_score_adj=victim.oom_score_adj,
        total_vm_bytes=victim.total_vm_bytes,
        anon_rss_bytes=victim.anon_rss_bytes,
        file_rss_bytes=victim.file_rss_bytes,
        shmem_rss_bytes=victim.shmem_rss_bytes,
        page_tables_bytes=victim.page_tables_bytes,
        container_init=TRUTH.to_wire(victim.container_init),
        cgroup=text(victim.cgroup),
        attribution=ATTRIBUTION.to_wire(victim.attribution),
        witnesses=[WITNESS.to_wire(w) for w in victim.witnesses],
        kmsg_sequence=victim.kmsg_sequence,
        repeats=victim.repeats,
    )


def victim_to_model(wire: pb.Victim) -> Victim:
    """The inverse of `victim_to_wire`."""
    has = wire.HasField
    return Victim(
        pid=wire.pid if has("pid") else None,
        namespace_pid=wire.namespace_pid if has("namespace_pid") else None,
        start_boottime_ns=wire.start_boottime_ns if has("start_boottime_ns") else None,
        comm=wire.comm,
        uid=wire.uid if has("uid") else None,
        oom_score_adj=wire.oom_score_adj if has("oom_score_adj") else None,
        total_vm_bytes=wire.total_vm_bytes if has("total_vm_bytes") else None,
        anon_rss_bytes=wire.anon_rss_bytes if has("anon_rss_bytes") else None,
        file_rss_bytes=wire.file_rss_bytes if has("file_rss_bytes") else None,
        shmem_rss_bytes=wire.shmem_rss_bytes if has("shmem_rss_bytes") else None,
        page_tables_bytes=wire.page_tables_bytes if has("page_tables_bytes") else None,
        container_init=TRUTH.to_model(wire.container_init),
        cgroup=wire.cgroup,
        attribution=ATTRIBUTION.to_model(wire.attribution),
        witnesses=tuple(w for n in wire.witnesses if (w := WITNESS.known(n)) is not None),
        kmsg_sequence=wire.kmsg_sequence if has("kmsg_sequence") else None,
        repeats=wire.repeats,
    )


def incident_to_wire(incident: OOMIncident) -> pb.OOMIncident:
    """What is None stays absent. The boot id travels in the id, which must begin with it.

    Raises `CodecError` if it does not, or if a number is out of its field's range.
    """
    if not incident.id.startswith(incident.boot_id + "/") or "/" in incident.boot_id:
        raise CodecError(f"incident {incident.id!r} is not of boot {incident.boot_id!r}")
    container = incident.container
    with coding(f"incident {incident.id}"):
        return pb.OOMIncident(
            id=incident.id,
            revision=incident.revision,
            boottime_ns=incident.boottime_ns,
            time=timestamp(incident.wall_ns),
            constraint=text(incident.constraint),
            limit_level=LIMIT_LEVEL.to_wire(incident.limit_level),
            limit_cgroup=text(incident.limit_cgroup),
            limit_bytes=incident.limit_bytes,
            trigger_comm=text(incident.trigger_comm),
            victims=[victim_to_wire(v) for v in incident.victims],
            container=None if container is None else container_to_wire(container),
            unit=text(incident.unit),
            group_kill=incident.group_kill,
            outcome=OUTCOME.to_wire(incident.outcome),
            hidden=TRUTH.to_wire(incident.hidden),
            runtime_says=text(incident.runtime_says),
            confidence=CONFIDENCE.to_wire(incident.confidence),
            drill=incident.drill,
            unattributed=incident.unattributed,
            counted=incident.counted,
            disagreement=DISAGREEMENT.to_wire(incident.disagreement),
            container_exit=None
            if incident.container_exit is None
            else container_exit_to_wire(incident.container_exit),
            moved_from=[text(each) for each in incident.moved_from],
        )


def incident_to_model(wire: pb.OOMIncident) -> OOMIncident:
    """The inverse of `incident_to_wire`; `CodecError` if the id does not name its boot."""
    boot_id, slash, _ = wire.id.partition("/")
    if not slash:
        raise CodecError(f"incident {wire.id!r} does not name its boot")
    return OOMIncident(
        id=wire.id,
        boot_id=boot_id,
        revision=wire.revision,
        boottime_ns=wire.boottime_ns,
        wall_ns=from_timestamp(wire.time),
        constraint=wire.constraint,
        limit_level=LIMIT_LEVEL.to_model(wire.limit_level),
        limit_cgroup=wire.limit_cgroup,
        limit_bytes=wire.limit_bytes if wire.HasField("limit_bytes") else None,
        trigger_comm=wire.trigger_comm,
        victims=tuple(victim_to_model(v) for v in wire.victims),
        container=container_to_model(wire.container) if wire.HasField("container") else None,
        unit=wire.unit,
        group_kill=wire.group_kill,
        outcome=OUTCOME.to_model(wire.outcome),
        hidden=TRUTH.to_model(wire.hidden),
        runtime_says=wire.runtime_says,
        confidence=CONFIDENCE.to_model(wire.confidence),
        drill=wire.drill,
        unattributed=wire.unattributed,
        counted=wire.counted,
        disagreement=DISAGREEMENT.to_model(wire.disagreement),
        container_exit=container_exit_to_model(wire.container_exit)
        if wire.HasField("container_exit")
        else None,
        moved_from=tuple(wire.moved_from),
    )


def container_exit_to_wire(ended: ContainerExit) -> pb.ContainerExit:
    """What is None stays absent."""
    return pb.ContainerExit(
        exit_code=ended.exit_code,
        signal=ended.signal,
        time=None if ended.wall_ns is None else timestamp(ended.wall_ns),
        told_by=EXIT_TELLER.to_wire(ended.told_by),
    )


def container_exit_to_model(wire: pb.ContainerExit) -> ContainerExit:
    """The inverse of `container_exit_to_wire`."""
    has = wire.HasField
    return ContainerExit(
        exit_code=wire.exit_code if has("exit_code") else None,
        signal=wire.signal if has("signal") else None,
        wall_ns=from_timestamp(wire.time) if has("time") else None,
        told_by=EXIT_TELLER.to_model(wire.told_by),
    )


def container_to_wire(container: Container) -> pb.Container:
    """Empty names stay empty."""
    return pb.Container(
        namespace=text(container.namespace),
        pod=text(container.pod),
        pod_uid=text(container.pod_uid),
        name=text(container.name),
        id=text(container.id),
        names_from=container.names_from,
    )


def container_to_model(wire: pb.Container) -> Container:
    """The inverse of `container_to_wire`."""
    return Container(
        namespace=wire.namespace,
        pod=wire.pod,
        pod_uid=wire.pod_uid,
        name=wire.name,
        id=wire.id,
        names_from=wire.names_from,
    )


def books_to_wire(books: OOMBooks) -> pb.OOMBooks:
    """`counted` stays absent while it is not known; `balanced` is said for those who only read."""
    with coding("the books"):
        return pb.OOMBooks(
            counted=books.counted,
            victims=books.victims,
            repeats=books.repeats,
            unattributed=books.unattributed,
            unattributed_before_start=books.unattributed_before_start,
            pending=books.pending,
            drill_victims=books.drill_victims,
            balanced=books.balanced,
            settle=duration(books.settle_seconds),
            disbelieved=books.disbelieved,
            overdue=books.overdue,
        )


def books_to_model(wire: pb.OOMBooks) -> OOMBooks:
    """The inverse of `books_to_wire`; `balanced` is worked out again, not believed."""
    return OOMBooks(
        counted=wire.counted if wire.HasField("counted") else None,
        victims=wire.victims,
        repeats=wire.repeats,
        unattributed=wire.unattributed,
        unattributed_before_start=wire.unattributed_before_start,
        pending=wire.pending,
        drill_victims=wire.drill_victims,
        settle_seconds=from_duration(wire.settle),
        disbelieved=wire.disbelieved,
        overdue=wire.overdue,
    )
