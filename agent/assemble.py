"""The composition root: everything is built here, and nothing is decided."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from agent import __version__
from agent.config import Settings
from agent.derive.kernel_faults import KernelFaults
from agent.engine.afterlife import TASKS, AfterlifeWatch
from agent.engine.afterlife_parts import watch_afterlife
from agent.engine.blocked import BLOCKED, BlockedWatch
from agent.engine.board import SourceBoard
from agent.engine.cni import CNIWatch
from agent.engine.cni_parts import watch_cni
from agent.engine.cpu import CPU, CpuWatch, watch_cpu
from agent.engine.disks import DISKS, DiskWatch
from agent.engine.endings import Endings
from agent.engine.fates import Fates
from agent.engine.ground import Ground
from agent.engine.guard import Guard
from agent.engine.headroom import MEMORY, HeadroomWatch
from agent.engine.heartbeat import CONNECTIONS, HeartbeatWatch
from agent.engine.heartbeat_parts import watch_heartbeat
from agent.engine.io_parts import watch_blocked, watch_disks
from agent.engine.judge import Judge
from agent.engine.judging import conditions_of, judge_of
from agent.engine.kubelet import HEALTHZ, KubeletWatch
from agent.engine.kubelet_parts import watch_kubelet
from agent.engine.last_words import LastWords
from agent.engine.network import NETLINK, NetworkWatch
from agent.engine.network_parts import watch_network
from agent.engine.node import LEDGER, Node, Spawn
from agent.engine.node_object import NODE_OBJECT, NodeObjectWatch
from agent.engine.node_object_parts import watch_node_object
from agent.engine.places import PlaceFinder
from agent.engine.plumbing import PLUMBING, PlumbingWatch
from agent.engine.plumbing_parts import watch_plumbing
from agent.engine.pressure import PressureWatch
from agent.engine.publish import Publisher
from agent.engine.pulls import PULLS, PullWatch
from agent.engine.pulls_parts import watch_pulls
from agent.engine.pulse import Pulse
from agent.engine.runtime import RUNTIME, RuntimeWatch
from agent.engine.runtime_parts import watch_runtime
from agent.engine.shield import Shield
from agent.engine.status import StatusView
from agent.engine.strain import StrainFinder
from agent.engine.usage import USAGE, UsageWatch
from agent.engine.usage_parts import watch_headroom, watch_pressure, watch_usage
from agent.engine.watch import Watch, trace_buffer_bytes
from agent.engine.who import Who
from agent.host.boot import BootFacts
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import HostClock
from agent.host.cni_directory import CNIDirectory
from agent.host.cri import CriClient
from agent.host.oom_probe import OOMProbes
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.runtime_socket import RuntimeSocket
from agent.host.self_protection import protect
from agent.host.self_usage import SelfUsageSource
from agent.host.worker import Pools
from agent.inventory.containers import Inventory
from agent.inventory.records import ContainerRecord
from agent.inventory.resolver import NameResolver
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.deaths import DeathBook
from agent.ledger.exit_series import ExitSeries
from agent.ledger.exits import ExitsLedger
from agent.ledger.oom import OOMLedger
from agent.ledger.series import OOMSeriesFold
from agent.ledger.sight import Sight
from agent.model.absence import Absence, Absent, ParseError
from agent.model.event import Event, PressureCrossed
from agent.model.evidence import Observation
from agent.model.status import Identity
from agent.observe.kmsg import NAME as KMSG
from agent.observe.lists import scan_lists
from agent.observe.plugins import NAME as CNI
from agent.observe.pressure import NAME as PRESSURE
from agent.observe.recorder import NAME as RECORDER
from agent.observe.roster import TRACE_PREFIX, Roster, records
from agent.observe.signals import NAME as SIGNALS
from agent.serve.health import HealthServer
from agent.serve.http import HttpServer
from agent.serve.metrics_tls import SOURCE as METRICS_TLS
from agent.serve.metrics_tls import TELLS as METRICS_TLS_TELLS
from agent.serve.metrics_tls import MetricsTls, metrics_tls
from agent.serve.node_agent import NodeAgent
from agent.serve.pages import Pages
from agent.serve.server import ApiServer
from agent.serve.statistics import HttpStatistics
from agent.serve.tcp import TcpApi, tcp_api
from agent.state.conditions import Conditions
from agent.state.deaths import DeathIndex
from agent.state.directory import real_path
from agent.state.incidents import IncidentIndex
from agent.state.journal import Journal
from agent.state.off import NoJournal
from agent.state.recovery import Recovered
from agent.state.stream import EventStream

log = logging.getLogger(__name__)

DISK_WORKERS = 4
"""Threads for what can hang: bundles and log directories."""

OVERLAP_SECONDS = 600.0
"""Containers that ended so long before the last stored event are looked for in the runtime's list
as well: a former run may have heard of their end and not have stored it.
"""

RECORDER_WORKERS = 2
"""Threads for what takes long: one reads the flight recorder, one more should that hang."""


class HostAccess(Struct, frozen=True, kw_only=True):
    """The host as it was opened: what every source goes through."""

    root: HostRoot
    boot: BootFacts
    fs: CgroupFs
    proc: ProcReader
    usage: SelfUsageSource
    memory_bytes: int


class Agent(Struct, frozen=True, kw_only=True):
    """The parts that have a life of their own; agent.daemon starts and stops them."""

    settings: Settings
    node: Node
    board: SourceBoard
    guard: Guard
    places: PlaceFinder
    watches: list[Watch]
    headroom: HeadroomWatch
    usage: UsageWatch
    pressure: PressureWatch
    conditions: Conditions
    judge: Judge
    afterlife: AfterlifeWatch
    cni: CNIWatch
    network: NetworkWatch
    plumbing: PlumbingWatch
    ladder: RuntimeWatch
    heartbeat: HeartbeatWatch
    kubelet: KubeletWatch
    believed: NodeObjectWatch | None
    cpu: CpuWatch
    disks: DiskWatch
    blocked: BlockedWatch
    pulls: PullWatch
    resolver: NameResolver
    cri: CriClient | None
    journal: Journal | NoJournal
    index: IncidentIndex
    deaths: DeathIndex
    exits: ExitsLedger
    exit_series: ExitSeries
    stream: EventStream
    pulse: Pulse
    shield: Shield
    view: StatusView
    api: ApiServer
    tcp: TcpApi | None
    health: HealthServer | None
    http: HttpServer
    metrics_tls: MetricsTls | None


def assemble(
    settings: Settings,
    host: HostAccess,
    journal: Journal | NoJournal,
    *,
    spawn: Spawn,
    listen: Callable[[Event], None],
) -> Agent:
    """Build an agent on an open host and an open journal.

    `spawn` runs a coroutine beside the others, `listen` hears each event. Raises SourceAbsent if
    a required source cannot be opened.
    """
    clock, boot, oom = HostClock(), host.boot, settings.oom
    recovered = journal.recovered
    stream = EventStream(journal, boot.boot_id)
    index = IncidentIndex(oom.max_incidents, recovered.incidents)
    series = OOMSeriesFold(retention_ns=_ns(oom.series_retention), max_series=oom.max_series)
    here = [each for each in recovered.incidents if each.boot_id == boot.boot_id]
    point = _checkpoint(recovered.checkpoint, boot.boot_id)
    series.adopt(recovered.kills, here, clock.boottime_ns(), point)
    deaths_told = DeathIndex(recovered.deaths)
    exit_series = ExitSeries(retention_ns=_ns(oom.series_retention), max_series=oom.max_series)
    told = [death for death in recovered.deaths if death.boot_id == boot.boot_id]
    exit_series.adopt(recovered.exits, told, clock.boottime_ns())

    board = SourceBoard(clock)
    guard = Guard(board)
    inventory = Inventory(host.fs.hierarchy)
    pools = Pools()
    sources = settings.sources
    listens = RuntimeSocket(sources.cri_socket)
    cri = CriClient(listens, sources.cri_timeout) if sources.cri else None

    def named(record: ContainerRecord) -> None:  # the node is built below, from the resolver
        guard.call(LEDGER, lambda: node.named(record))

    resolver = NameResolver(
        inventory,
        runtime=cri,
        processes=host.proc,
        workers=pools.new(DISK_WORKERS, name="disk"),
        bundles=sources.bundles,
        pod_logs=sources.pod_logs,
        on_names=named,
        on_health=board.hear,
        guard=guard,
    )
    cni_directory = CNIDirectory(host.root, settings.cni.conf_dir, settings.cni.bin_dirs)
    roster = Roster(
        settings=settings,
        root=host.root,
        fs=host.fs,
        proc=host.proc,
        clock=clock,
        trace_name=trace_name(settings.state.directory),
        possible_cpus=boot.possible_cpus,
        probes=OOMProbes(host.root, host.fs.mode),
        kmsg_known=lambda: ledger.kmsg_known,
        plugin_directories=cni_directory.plugin_directories,
    )
    ledger = OOMLedger(
        boot_id=boot.boot_id,
        settle_ns=_ns(oom.settle),
        hold_ns=_ns(oom.outcome_hold),
        directory=Who(inventory),
        wall_offset_ns=clock.wall_ns() - clock.boottime_ns(),
        checkpoint=point,
        incidents=recovered.incidents,
    )
    deaths = DeathBook()
    last_words = LastWords(
        clock=clock,
        inventory=inventory,
        status=resolver.runtime_status,
        silent=resolver.runtime_silent,
        deaths=deaths,
        tell=lambda seen: node.answered([seen]),
    )
    places = PlaceFinder(
        open_recorder=roster.recorder if records(settings) else None,
        scan=lambda: scan_lists(host.fs),
        path_of=roster.paths.path,
        workers=pools.new(RECORDER_WORKERS, name="recorder"),
        clock=clock,
        board=board,
        spawn=lambda work: spawn(guard.run(RECORDER, work)),
    )
    cgroups = roster.cgroup_watcher()
    strain = StrainFinder(  # what it asks is built below
        sweep=lambda: None if usage.report is None else usage.report.sweep,
        derived=lambda: {} if usage.report is None else usage.report.derived,
        pressure=lambda: pressure.report,
        plumbing=lambda: plumbing.report,
    )
    sight = Sight(lambda: board.is_up(SIGNALS))
    exits = ExitsLedger(
        boot_id=boot.boot_id,
        wall_offset_ns=clock.wall_ns() - clock.boottime_ns(),
        deaths=deaths,
        names_of=inventory.names_of,
        strain_at=strain.of,
        signals_since_ns=sight.since_ns,
        recovered=recovered.deaths,
        incidents=recovered.incidents,
        now_ns=clock.boottime_ns(),
        since_wall_ns=since_wall_ns(recovered),
        past_known=not journal.unread,
    )
    endings = Endings(
        clock=clock,
        proc=host.proc,
        inventory=inventory,
        ledger=exits,
        series=exit_series,
        sight=sight,
        places=places.find,
        memory=lambda: headroom.report,
    )
    node = Node(
        clock=clock,
        board=board,
        guard=guard,
        sampler=roster.sampler(),
        cgroups=cgroups,
        inventory=inventory,
        resolver=resolver,
        ledger=ledger,
        deaths=deaths,
        series=series,
        fates=Fates(
            clock=clock,
            fs=host.fs,
            proc=host.proc,
            inventory=inventory,
            resolver=resolver,
            deaths=deaths,
        ),
        publisher=Publisher(
            stream=stream,
            index=index,
            series=series,
            deaths=deaths_told,
            exits=exit_series,
            clock=clock,
            guard=guard,
            listen=listen,
        ),
        places=places.find,
        ends=last_words.answer,
        endings=endings,
        spawn=lambda work: spawn(guard.run(LEDGER, work)),
    )
    board.on_change = node.tell
    resolver.on_listing = node.listed

    def take(seen: list[Observation]) -> None:
        guard.call(LEDGER, lambda: node.take(seen))

    openers = pools.new(1, name="open")  # one after the other: they share instances and probes
    watches = [Watch(opening, board, guard, take, openers, spawn) for opening in roster.watchers()]
    ground = Ground(
        settings=settings,
        root=host.root,
        fs=host.fs,
        proc=host.proc,
        clock=clock,
        inventory=inventory,
        board=board,
        guard=guard,
        pools=pools,
        spawn=spawn,
    )
    headroom = watch_headroom(ground, cri)
    usage = watch_usage(ground, cgroups, headroom)

    def stalled(crossed: PressureCrossed) -> None:
        node.tell(crossed)
        node.settle()

    pressure = watch_pressure(ground, stalled)
    node.on_counters = pressure.heard
    conditions = conditions_of(settings, recovered, boot.boot_id, clock)
    judge = judge_of(
        conditions, clock, board, guard, node, inventory, index, deaths_told, ledger, boot.boot_id
    )
    judge.sees(USAGE, lambda scene: replace(scene, usage=usage.report))
    judge.sees(MEMORY, lambda scene: replace(scene, memory=headroom.report))
    judge.sees(PRESSURE, lambda scene: replace(scene, pressure=pressure.report))
    afterlife = watch_afterlife(ground, resolver, deaths)
    judge.sees(TASKS, lambda scene: replace(scene, afterlife=afterlife.report))
    cni = watch_cni(
        ground,
        deaths,
        cni_directory,
        cri=cri,
        silent=resolver.runtime_silent,
        watches=watches,
        lost=take,
    )
    plugins = roster.plugin_watcher()
    if plugins is not None:
        watches.append(Watch(plugins, board, guard, cni.take, openers, spawn))
    judge.sees(CNI, lambda scene: replace(scene, cni=cni.report()))
    network = watch_network(ground, resolver, cni, lost=take)
    watches.append(Watch(roster.link_watcher(), board, guard, network.take, openers, spawn))
    judge.sees(NETLINK, lambda scene: replace(scene, network=network.report))
    plumbing = watch_plumbing(ground)
    judge.sees(PLUMBING, lambda scene: replace(scene, plumbing=plumbing.report))
    blocked = watch_blocked(ground, pressure=lambda: pressure.report)
    judge.sees(BLOCKED, lambda scene: replace(scene, blocked=blocked.report))
    ladder = watch_runtime(
        ground,
        deaths,
        index,
        resolver,
        listens=listens,
        calls=cni.running,
        blocked=lambda: blocked.report,
    )
    judge.sees(RUNTIME, lambda scene: replace(scene, runtime=ladder.report))
    heartbeat = watch_heartbeat(ground, lost=take)
    dials = roster.dial_watcher()
    if dials is not None:
        watches.append(Watch(dials, board, guard, heartbeat.take, openers, spawn))
    judge.sees(CONNECTIONS, lambda scene: replace(scene, heartbeat=heartbeat.report))
    believed = watch_node_object(ground, settings.node.name or boot.hostname)
    kubelet = watch_kubelet(
        ground, deaths, index, headroom=headroom, usage=lambda: usage.report, believed=believed
    )
    judge.sees(HEALTHZ, lambda scene: replace(scene, kubelet=kubelet.report))
    if believed is not None:
        asked = believed
        judge.sees(NODE_OBJECT, lambda scene: replace(scene, belief=asked.belief))
    cpu = watch_cpu(ground, lambda: pressure.report)
    judge.sees(CPU, lambda scene: replace(scene, cpu=cpu.report))
    disks = watch_disks(ground, usage=lambda: usage.report)
    judge.sees(DISKS, lambda scene: replace(scene, disks=disks.report))
    faults = KernelFaults()
    node.on_fault = faults.take
    judge.sees(KMSG, lambda scene: replace(scene, faults=faults.report()))
    pulls = watch_pulls(ground, runtime=lambda: ladder.report, disks=lambda: disks.report)
    judge.sees(PULLS, lambda scene: replace(scene, pulls=pulls.report))
    pulse = Pulse(clock=clock)
    shield = Shield(
        workers=pools.new(1, name="protect"),
        protect=(lambda: protect(host.root, host.fs)) if settings.node.protect else None,
    )
    view = StatusView(
        clock=clock,
        identity=Identity(
            node=settings.node.name or boot.hostname,
            boot_id=boot.boot_id,
            machine_id=boot.machine_id,
            version=__version__,
            pid=os.getpid(),
            started_wall_ns=clock.wall_ns(),
            started_boottime_ns=clock.boottime_ns(),
        ),
        boot=boot,
        mode=host.fs.mode,
        board=board,
        inventory=inventory,
        ledger=ledger,
        folded=series,
        journal=journal,
        stream=stream,
        incidents=index,
        deaths=deaths_told,
        exit_series=exit_series,
        pools=pools,
        usage=host.usage,
        memory_bytes=host.memory_bytes,
        places=places,
        headroom=headroom,
        swept=usage,
        stalls=pressure,
        calls=cni,
        paths=network,
        pipes=plumbing,
        ladder=ladder,
        beats=heartbeat,
        nodes_own=kubelet,
        processors=cpu,
        devices=disks,
        waiting=blocked,
        faulted=faults,
        images=pulls,
        conditions=conditions,
        pulse=pulse,
        shield=shield,
        trace_buffer_bytes=lambda: places.buffer_bytes + trace_buffer_bytes(watches),
    )
    serve = settings.serve
    servicer = NodeAgent(
        view, max_subscribers=serve.max_subscribers, subscriber_queue=serve.subscriber_queue
    )
    tcp = tcp_api(settings, view, pools)
    encrypted = metrics_tls(
        settings,
        pools,
        opened=partial(board.up, METRICS_TLS),
        closed=lambda why: board.absent(METRICS_TLS, Absent(absence=Absence.VANISHED, detail=why)),
    )
    if encrypted is not None:
        board.add(METRICS_TLS, METRICS_TLS_TELLS)
    statistics = HttpStatistics()
    return Agent(
        settings=settings,
        node=node,
        board=board,
        guard=guard,
        places=places,
        watches=watches,
        headroom=headroom,
        usage=usage,
        pressure=pressure,
        conditions=conditions,
        judge=judge,
        afterlife=afterlife,
        cni=cni,
        network=network,
        plumbing=plumbing,
        ladder=ladder,
        heartbeat=heartbeat,
        kubelet=kubelet,
        believed=believed,
        cpu=cpu,
        disks=disks,
        blocked=blocked,
        pulls=pulls,
        resolver=resolver,
        cri=cri,
        journal=journal,
        index=index,
        deaths=deaths_told,
        exits=exits,
        exit_series=exit_series,
        stream=stream,
        pulse=pulse,
        shield=shield,
        view=view,
        api=ApiServer(servicer, max_subscribers=serve.max_subscribers),
        tcp=tcp,
        health=None if serve.health_address is None else HealthServer(serve.health_address),
        http=HttpServer(
            Pages(
                view,
                statistics,
                tuple(door.statistics for door in (tcp, encrypted) if door is not None),
                cadvisor_names=serve.cadvisor_names,
            ).respond,
            statistics=statistics,
            max_connections=serve.metrics_max_connections,
            header_timeout=serve.metrics_header_timeout,
            contexts=None if encrypted is None else encrypted.context,
        ),
        metrics_tls=encrypted,
    )


def since_wall_ns(recovered: Recovered) -> int:
    """What ended before is not looked for."""
    return recovered.last_wall_ns - _ns(OVERLAP_SECONDS)


def trace_name(directory: Path) -> str:
    """Named after the state directory, whose lock owns it: two agents never share an instance."""
    return TRACE_PREFIX + hashlib.sha256(os.fsencode(real_path(directory))).hexdigest()[:12]


def _checkpoint(data: bytes | None, boot_id: str) -> Checkpoint | None:
    """Of this boot; None if there is none."""
    if data is None:
        return None
    try:
        point = Checkpoint.decode(data)
    except ParseError as error:
        log.warning("the books begin anew: %s", error)
        return None
    return point if point.boot_id == boot_id else None


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
