"""Hypothesis strategies for what the agent publishes; every field takes every legal value."""

from __future__ import annotations

from hypothesis import strategies as st

from agent.model.condition import Condition, Entity, EntityKind, Evidence, Severity, Verity
from agent.model.event import (
    AgentStarted,
    ConditionChanged,
    Event,
    ExitAmended,
    ExitRecorded,
    JournalChange,
    OOMAmended,
    OOMRecorded,
    PressureCrossed,
    RuntimeDisagreement,
    SourceChange,
    SourceGap,
)
from agent.model.exits import ContainerDeath, Sender, StopReason, Verdict
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
from agent.model.pressure import Episode, Resource, Scope

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
wall = st.integers(0, 4 * 10**18)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # what UTF-8 can hold
boots = st.text("0123456789abcdef-", min_size=1, max_size=36)

victims = st.builds(
    Victim,
    pid=st.none() | i32,
    namespace_pid=st.none() | i32,
    start_boottime_ns=st.none() | u64,
    comm=words,
    uid=st.none() | u32,
    oom_score_adj=st.none() | i32,
    total_vm_bytes=st.none() | u64,
    anon_rss_bytes=st.none() | u64,
    file_rss_bytes=st.none() | u64,
    shmem_rss_bytes=st.none() | u64,
    page_tables_bytes=st.none() | u64,
    container_init=st.sampled_from(Truth),
    cgroup=words,
    attribution=st.sampled_from(Attribution),
    witnesses=st.lists(st.sampled_from(Witness), max_size=4).map(tuple),
    kmsg_sequence=st.none() | u64,
    repeats=u32,
)

containers = st.builds(
    Container, namespace=words, pod=words, pod_uid=words, name=words, id=words, names_from=words
)

exits = st.builds(
    ContainerExit,
    exit_code=st.none() | i32,
    signal=st.none() | i32,
    wall_ns=st.none() | wall,
    told_by=st.sampled_from(ExitTeller),
)


@st.composite
def incidents(draw: st.DrawFn) -> OOMIncident:
    boot_id = draw(boots)
    return OOMIncident(
        id=f"{boot_id}/{draw(words)}",
        boot_id=boot_id,
        revision=draw(u32),
        boottime_ns=draw(u64),
        wall_ns=draw(wall),
        constraint=draw(words),
        limit_level=draw(st.sampled_from(LimitLevel)),
        limit_cgroup=draw(words),
        limit_bytes=draw(st.none() | u64),
        trigger_comm=draw(words),
        victims=draw(st.lists(victims, max_size=3).map(tuple)),
        container=draw(st.none() | containers),
        unit=draw(words),
        group_kill=draw(st.booleans()),
        outcome=draw(st.sampled_from(Outcome)),
        hidden=draw(st.sampled_from(Truth)),
        runtime_says=draw(words),
        confidence=draw(st.sampled_from(Confidence)),
        drill=draw(st.booleans()),
        unattributed=draw(st.booleans()),
        counted=draw(u64),
        disagreement=draw(st.sampled_from(Disagreement)),
        container_exit=draw(st.none() | exits),
        moved_from=draw(st.lists(words, max_size=2).map(tuple)),
    )


books = st.builds(
    OOMBooks,
    counted=st.none() | u64,
    victims=u64,
    repeats=u64,
    unattributed=u64,
    unattributed_before_start=u64,
    pending=u64,
    overdue=u64,
    drill_victims=u64,
    settle_seconds=st.integers(0, 600_000).map(lambda ms: ms / 1000),
    disbelieved=u64,
)

conditions = st.builds(
    Condition,
    type=words,
    entity=st.builds(
        Entity, kind=st.sampled_from(EntityKind), id=words, names=st.none() | containers
    ),
    status=st.sampled_from(Verity),
    severity=st.sampled_from(Severity),
    since_wall_ns=wall,
    since_boottime_ns=u64,
    reason=words,
    message=words,
    evidence=st.lists(st.builds(Evidence, what=words, value=words, source=words), max_size=2).map(
        tuple
    ),
    expires_wall_ns=st.none() | wall,
    expires_boottime_ns=st.none() | u64,
    revision=u32,
)

microseconds = st.integers(0, 2**48)
percent = st.floats(0, 100)
episodes = st.builds(
    Episode,
    scope=st.sampled_from(Scope),
    resource=st.sampled_from(Resource),
    started_boottime_ns=u64,
    started_wall_ns=wall,
    last_boottime_ns=u64,
    last_wall_ns=wall,
    avg10=percent,
    peak_avg10=percent,
    window_stall_us=microseconds,
    window_us=microseconds,
    stall_us=microseconds,
    fired=u64,
    over=st.booleans(),
)
senders = st.builds(
    Sender, pid=i32, comm=words, cgroup=words, unit=words, container=st.none() | containers
)
percents = st.none() | st.floats(0, 100)


@st.composite
def deaths(draw: st.DrawFn) -> ContainerDeath:
    boot_id = draw(boots)
    return ContainerDeath(
        id=f"{boot_id}/{draw(words)}",
        boot_id=boot_id,
        revision=draw(u32),
        container=draw(containers),
        attempt=draw(st.none() | u32),
        boottime_ns=draw(u64),
        wall_ns=draw(wall),
        started_wall_ns=draw(st.none() | wall),
        verdict=draw(st.sampled_from(Verdict)),
        stop_reason=draw(st.sampled_from(StopReason)),
        exit_code=draw(st.none() | i32),
        signal=draw(st.none() | i32),
        core_dumped=draw(st.booleans()),
        init_pid=draw(st.none() | i32),
        sender=draw(st.none() | senders),
        term_boottime_ns=draw(st.none() | u64),
        incident_ids=draw(st.lists(words, max_size=2).map(tuple)),
        runtime_says=draw(words),
        disagreement=draw(st.sampled_from(Disagreement)),
        confidence=draw(st.sampled_from(Confidence)),
        witnesses=draw(st.lists(words, max_size=2).map(tuple)),
        memory_working_set=draw(st.none() | u64),
        memory_limit=draw(st.none() | u64),
        memory_pressure_full=draw(percents),
        cpu_pressure_some=draw(percents),
        cpu_throttled_ratio=draw(percents),
        io_pressure_full=draw(percents),
        node_cpu_pressure_some=draw(percents),
        node_memory_pressure_full=draw(percents),
        node_io_pressure_full=draw(percents),
        network_saturated=draw(st.none() | st.booleans()),
        settled=draw(st.booleans()),
    )


kinds = st.one_of(
    st.builds(ExitRecorded, death=deaths()),
    st.builds(ExitAmended, death=deaths()),
    st.builds(OOMRecorded, incident=incidents()),
    st.builds(OOMAmended, incident=incidents()),
    st.builds(
        RuntimeDisagreement,
        container=containers,
        kind=st.sampled_from(Disagreement),
        runtime_says=words,
        kernel_says=words,
        incident_ids=st.lists(words, max_size=3).map(tuple),
    ),
    st.builds(SourceGap, source=words, lost=st.none() | u64, detail=words),
    st.builds(SourceChange, source=words, up=st.booleans(), detail=words),
    st.builds(JournalChange, state=words, detail=words),
    st.builds(AgentStarted, version=words, pid=i32),
    st.builds(PressureCrossed, episode=episodes),
    st.builds(ConditionChanged, condition=conditions, previous=st.none() | st.sampled_from(Verity)),
)

events = st.builds(
    Event,
    stream_id=words,
    sequence=u64,
    boot_id=words,
    boottime_ns=u64,
    wall_ns=wall,
    kind=kinds,
)
