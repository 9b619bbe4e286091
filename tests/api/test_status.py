from __future__ import annotations

from msgspec.structs import replace

from agent.api.status import status_to_wire
from agent.api.v1 import status_pb2
from agent.model.absence import Absence
from agent.model.latency import Latency
from agent.model.oom import OOMBooks
from agent.model.protection import Protection
from agent.model.source import SourceHealth, SourceState
from agent.model.status import HostFacts, Identity, JournalHealth, NodeStatus, SelfUsage

S = 1_000_000_000
STATUS = NodeStatus(
    now_boottime_ns=7200 * S + 5,
    now_wall_ns=1_700_000_000 * S,
    identity=Identity(
        node="n1", boot_id="b", machine_id="m", version="0.1", pid=42,
        started_wall_ns=1_699_999_000 * S, started_boottime_ns=7000 * S,
    ),
    host=HostFacts(
        kernel_release="6.1.0", cgroup_mode="v2", cgroup_driver="systemd", containers=3, pods=2,
        memory_bytes=1 << 40,
    ),
    sources=(
        SourceHealth(
            name="kmsg", tells="who was killed", required=True, state=SourceState.UP,
            since_wall_ns=5 * S, records=9, lost=1,
        ),
        SourceHealth(
            name="cri", tells="names", required=False, state=SourceState.DOWN, since_wall_ns=6 * S,
            absence=Absence.FAILED, detail="timed out",
        ),
    ),
    oom=OOMBooks(
        counted=None, victims=1, repeats=0, unattributed=0, unattributed_before_start=0, pending=0,
        drill_victims=0, settle_seconds=2.5,
    ),
    journal=JournalHealth(
        state="full", detail="no space", since_wall_ns=8 * S, path="/var/lib/x", bytes=10,
        max_bytes=20, events=3, first_sequence=4, last_sequence=6, dropped=2, stream_id="s",
        waiting=7,
    ),
    usage=SelfUsage(
        cpu_seconds=1.25, resident_bytes=11, open_fds=12, trace_buffer_bytes=13, subscribers=14,
        subscriber_drops=15, abandoned_workers=16, worker_limit=17,
        loop_lag=Latency().plus(0.5).plus(1.5), loop_lag_max_seconds=1.5,
        protections=(Protection(name="mlock2", got=False, detail="why"),),
    ),
)  # fmt: skip


def test_status() -> None:
    """Every field of the model is on the wire, times as times and ages as durations."""
    wire = status_pb2.Status.FromString(status_to_wire(STATUS).SerializeToString())
    assert (wire.identity.node, wire.identity.pid) == ("n1", 42)
    assert wire.identity.started.ToNanoseconds() == 1_699_999_000 * S
    assert wire.identity.uptime.ToNanoseconds() == 200 * S + 5
    assert wire.identity.node_uptime.ToNanoseconds() == 7200 * S + 5
    assert (wire.host.cgroup_mode, wire.host.memory_bytes) == ("v2", 1 << 40)
    kmsg, cri = wire.sources
    assert (kmsg.state, kmsg.absence, kmsg.lost) == (status_pb2.Source.STATE_UP, "", 1)
    assert (cri.state, cri.absence) == (status_pb2.Source.STATE_DOWN, "FAILED")
    assert cri.since.ToNanoseconds() == 6 * S
    assert not wire.oom.HasField("counted")
    assert wire.oom.settle.ToNanoseconds() == 5 * S // 2
    journal = wire.journal
    assert (journal.state, journal.dropped, journal.stream_id) == ("full", 2, "s")
    assert journal.waiting == 7
    usage = getattr(wire, "self")  # noqa: B009 - `self` is a field's name, not an argument's
    assert usage.cpu.ToNanoseconds() == 5 * S // 4
    assert (usage.resident_bytes, usage.abandoned_workers) == (11, 16)
    assert (usage.loop_lag_max.ToNanoseconds(), usage.loop_stalls) == (3 * S // 2, 1)
    assert [(p.name, p.got, p.detail) for p in usage.protections] == [("mlock2", False, "why")]
    assert all(
        field in {f.name for f, _ in usage.ListFields()}
        for field in usage.DESCRIPTOR.fields_by_name
    )


def test_the_start_lies_ahead_of_now() -> None:
    """A clock that went backwards gives a negative age, not an error."""
    wire = status_to_wire(replace(STATUS, now_boottime_ns=6999 * S + S // 2))
    assert wire.identity.uptime.ToNanoseconds() == -S // 2
