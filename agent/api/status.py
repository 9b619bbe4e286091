"""The encoder of agent.model.status to status.proto. Nobody reads a status back into the model."""

from __future__ import annotations

from agent.api.oom import books_to_wire
from agent.api.v1 import status_pb2 as pb
from agent.api.wire import EnumTable, coding, duration, duration_ns, text, timestamp
from agent.model.latency import STALL_SECONDS
from agent.model.source import SourceHealth, SourceState
from agent.model.status import HostFacts, Identity, JournalHealth, NodeStatus, SelfUsage

SOURCE_STATE = EnumTable(
    {
        SourceState.UP: pb.Source.STATE_UP,
        SourceState.ABSENT: pb.Source.STATE_ABSENT,
        SourceState.DOWN: pb.Source.STATE_DOWN,
    },
    foreign=None,
)


def status_to_wire(status: NodeStatus) -> pb.Status:
    """The whole status; ages are counted from its own `now`."""
    with coding("the status"):
        return pb.Status(
            identity=_identity(status.identity, status.now_boottime_ns),
            host=_host(status.host),
            sources=[_source(source) for source in status.sources],
            oom=books_to_wire(status.oom),
            journal=_journal(status.journal),
            self=_usage(status.usage),
            recorder_window=None
            if status.recorder_window_seconds is None
            else duration(status.recorder_window_seconds),
        )


def _identity(identity: Identity, now_boottime_ns: int) -> pb.Identity:
    return pb.Identity(
        node=text(identity.node),
        boot_id=identity.boot_id,
        machine_id=identity.machine_id,
        version=identity.version,
        pid=identity.pid,
        started=timestamp(identity.started_wall_ns),
        uptime=duration_ns(now_boottime_ns - identity.started_boottime_ns),
        node_uptime=duration_ns(now_boottime_ns),
    )


def _host(host: HostFacts) -> pb.Host:
    return pb.Host(
        kernel_release=text(host.kernel_release),
        cgroup_mode=host.cgroup_mode,
        cgroup_driver=host.cgroup_driver,
        containers=host.containers,
        pods=host.pods,
        memory_bytes=host.memory_bytes,
    )


def _source(source: SourceHealth) -> pb.Source:
    return pb.Source(
        name=source.name,
        state=SOURCE_STATE.to_wire(source.state),
        absence="" if source.absence is None else source.absence.value,
        detail=text(source.detail),
        since=timestamp(source.since_wall_ns),
        tells=source.tells,
        required=source.required,
        records=source.records,
        lost=source.lost,
    )


def _journal(journal: JournalHealth) -> pb.Journal:
    return pb.Journal(
        state=journal.state,
        detail=text(journal.detail),
        since=timestamp(journal.since_wall_ns),
        path=text(journal.path),
        bytes=journal.bytes,
        max_bytes=journal.max_bytes,
        events=journal.events,
        first_sequence=journal.first_sequence,
        last_sequence=journal.last_sequence,
        dropped=journal.dropped,
        stream_id=journal.stream_id,
        waiting=journal.waiting,
    )


def _usage(usage: SelfUsage) -> pb.SelfUsage:
    return pb.SelfUsage(
        cpu=duration(usage.cpu_seconds),
        resident_bytes=usage.resident_bytes,
        open_fds=usage.open_fds,
        trace_buffer_bytes=usage.trace_buffer_bytes,
        subscribers=usage.subscribers,
        subscriber_drops=usage.subscriber_drops,
        abandoned_workers=usage.abandoned_workers,
        worker_limit=usage.worker_limit,
        loop_lag_max=duration(usage.loop_lag_max_seconds),
        loop_stalls=usage.loop_lag.above(STALL_SECONDS),
        protections=[
            pb.Protection(name=each.name, got=each.got, detail=text(each.detail))
            for each in usage.protections
        ],
    )
