"""The life of the daemon: what is opened, started, ticked and stopped, in that order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import resource
import signal
import threading
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from agent import __version__
from agent.assemble import Agent, HostAccess, assemble, since_wall_ns
from agent.config import Settings
from agent.engine.announce import opening
from agent.engine.judging import adopt
from agent.engine.network import NETLINK
from agent.engine.node import LEDGER, Spawn
from agent.engine.refusal import Refusal
from agent.engine.runtime import RUNTIME
from agent.engine.terminal import LineWriter, Terminal
from agent.engine.usage import USAGE
from agent.host.absence import SourceAbsent
from agent.host.boot import read_boot_facts
from agent.host.capabilities import missing_capabilities
from agent.host.cgroup_fs import open_cgroup_fs
from agent.host.cgroup_namespace import join_host_cgroup_namespace
from agent.host.clock import HostClock
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.self_usage import SelfUsageSource
from agent.inventory.resolver import NAMING
from agent.model.absence import ParseError
from agent.model.event import AgentStarted
from agent.observe.plugins import NAME as CNI
from agent.observe.pressure import NAME as PRESSURE
from agent.observe.recorder import NAME as RECORDER
from agent.observe.roster import records
from agent.serve.socket import ServeError, listen
from agent.state.directory import JOURNAL, StateDirectory, StateLocked
from agent.state.journal import Journal, Limits
from agent.state.off import NoJournal
from agent.state.recovery import Recovered

log = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 2.0
STDOUT, STDERR = 1, 2
STATE_SECONDS = 5.0
WANTED_FDS = 65_536
"""For some 8,000 cgroups; what is not open costs nothing."""
LAST_WORDS_SECONDS = 1.0
LOOK_SECONDS = 2.0


def run_agent(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises Refusal if the host or the configuration forbids it."""
    out, err = LineWriter(STDOUT), LineWriter(STDERR)
    err.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[err])
    _raise_descriptor_limit()
    host = _open_host(settings)
    directory = _open_state(settings.state.directory)
    try:
        asyncio.run(_live(settings, host, directory, Terminal(out)))
    finally:
        if isinstance(directory, StateDirectory):
            directory.close()
        for writer in (out, err):
            writer.flush_within(LAST_WORDS_SECONDS)


async def _live(
    settings: Settings, host: HostAccess, directory: StateDirectory | str, terminal: Terminal
) -> None:
    journal = await _open_journal(settings, host, directory)
    spawned: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as tasks:

            def spawn(work: Coroutine[Any, Any, None]) -> object:
                task = tasks.create_task(work)
                spawned.add(task)
                task.add_done_callback(spawned.discard)
                return task

            agent = assemble(settings, host, journal, spawn=spawn, listen=terminal.hear)
            await _start(agent, terminal, spawn)
            await _until_told_to_stop()
            for task in tuple(spawned):
                task.cancel()
            await _stop(agent)
    except* (SourceAbsent, ServeError) as group:
        raise Refusal(str(group.exceptions[0])) from group
    finally:
        await asyncio.to_thread(journal.close)


async def _open_journal(
    settings: Settings, host: HostAccess, directory: StateDirectory | str
) -> Journal | NoJournal:
    path = settings.state.directory / JOURNAL
    if isinstance(directory, str):
        return NoJournal(HostClock().wall_ns(), path=str(path), detail=directory)
    return await asyncio.to_thread(
        Journal.open,
        path,
        Limits(
            max_bytes=settings.state.max_bytes,
            max_age_seconds=settings.state.max_age,
            queue_events=settings.state.queue,
            max_incidents=settings.oom.max_incidents,
        ),
        host.boot.boot_id,
    )


async def _start(agent: Agent, terminal: Terminal, spawn: Spawn) -> None:
    """Serve last: who asks gets an agent that has read what there was to read."""
    loop = asyncio.get_running_loop()
    serve = agent.settings.serve
    listener = None if serve.metrics_address is None else listen(serve.metrics_address)
    if agent.tcp is not None:
        await agent.tcp.prepare()
    spawn(agent.guard.run(NAMING, agent.resolver.run()))
    agent.node.tell(AgentStarted(version=__version__, pid=agent.view.identity.pid))
    agent.journal.attach(loop, agent.node.tell, partial(_adopt, agent))
    _say_what_is_off(agent)
    if agent.metrics_tls is not None:
        await agent.metrics_tls.prepare()
    recorded = await agent.places.begin()
    agent.node.begin(agent.watches, loop, recorded)
    await agent.guard.run(NAMING, agent.resolver.look())
    agent.guard.call(PRESSURE, partial(agent.pressure.tick, loop))
    spawn(_tick(agent, loop))
    spawn(agent.pulse.run())
    spawn(agent.afterlife.run())
    spawn(agent.cni.run())
    spawn(agent.network.run())
    spawn(agent.plumbing.run())
    spawn(agent.ladder.run())
    spawn(agent.heartbeat.run())
    spawn(agent.kubelet.run())
    if agent.believed is not None:
        spawn(agent.believed.run())
    spawn(agent.cpu.run())
    spawn(agent.disks.run())
    spawn(agent.blocked.run())
    spawn(agent.pulls.run())
    spawn(agent.usage.run(agent.settings.sweep.interval))
    spawn(agent.headroom.run(agent.settings.tick.interval))
    with contextlib.suppress(TimeoutError):  # a file system that hangs delays nobody
        await asyncio.wait_for(agent.headroom.looked.wait(), LOOK_SECONDS)
    await agent.api.start(serve.socket, serve.socket_group)
    if agent.tcp is not None:
        await agent.tcp.start()
        spawn(agent.tcp.rotation.watch())
    if listener is not None:
        await agent.http.start(listener)
    if agent.metrics_tls is not None:
        spawn(agent.metrics_tls.rotation.watch())
    if agent.health is not None:
        await agent.health.start()
    scheme = "https" if serve.metrics_tls else "http"
    metrics = "" if serve.metrics_address is None else f"{scheme}://{serve.metrics_address}/metrics"
    grpc = "" if serve.grpc_address is None else str(serve.grpc_address)
    status = agent.view.status()
    spawn(agent.guard.run("protection", agent.shield.begin()))
    terminal.open(opening(status, socket=str(serve.socket), grpc=grpc, metrics=metrics))


def _adopt(agent: Agent, found: Recovered) -> None:
    """A journal that opened late."""
    agent.index.adopt(found.incidents)
    agent.deaths.adopt(found.deaths)
    boot_id, now_ns = agent.view.identity.boot_id, agent.view.clock.boottime_ns()
    told = [death for death in found.deaths if death.boot_id == boot_id]
    agent.exit_series.adopt(found.exits, told, now_ns)
    agent.view.folded.supersede(found.kills)
    agent.exits.adopt(told, found.incidents, now_ns, since_wall_ns(found))
    adopt(agent.conditions, found, boot_id=boot_id, clock=agent.view.clock)


async def _tick(agent: Agent, loop: asyncio.AbstractEventLoop) -> None:
    while True:
        await asyncio.sleep(agent.settings.tick.interval)
        agent.guard.call("journal", agent.journal.poll)
        agent.guard.call(LEDGER, lambda: agent.node.tick(agent.watches, loop))
        agent.guard.call(PRESSURE, partial(agent.pressure.tick, loop))
        agent.judge.round()
        agent.guard.judge()
        agent.guard.call(RECORDER, agent.places.tick)


async def _until_told_to_stop() -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


async def _stop(agent: Agent) -> None:
    """All of it, whatever fails: what was seen must reach the journal, which is closed last."""
    loop, guard = asyncio.get_running_loop(), agent.guard
    for watch in agent.watches:
        guard.call(watch.name, partial(watch.catch_up, loop))
        guard.call(watch.name, partial(watch.stop, loop))
    guard.call(PRESSURE, partial(agent.pressure.close, loop))
    guard.call(CNI, agent.cni.close)
    guard.call(NETLINK, agent.network.nat.close)
    guard.call(LEDGER, agent.node.close)
    guard.call(RECORDER, agent.places.close)
    guard.call(USAGE, agent.usage.sweeper.close)
    guard.call(LEDGER, agent.stream.close)
    if agent.tcp is not None:
        await guard.run("tcp", agent.tcp.stop(STOP_GRACE_SECONDS))
    if agent.health is not None:
        await guard.run("health", agent.health.stop(STOP_GRACE_SECONDS))
    await guard.run("api", agent.api.stop(STOP_GRACE_SECONDS))
    await guard.run("http", agent.http.stop())
    if agent.cri is not None:
        await guard.run("cri", agent.cri.close())
    await guard.run(RUNTIME, agent.ladder.close())


def _say_what_is_off(agent: Agent) -> None:
    sources = agent.settings.sources
    for name, key, wanted in (
        ("kmsg", "kmsg", sources.kmsg),
        ("trace", "trace", sources.trace),
        ("probe", "probe", sources.probe),
        ("signals", "trace", sources.trace),
        ("signals", "signals", sources.signals),
        ("cni", "trace", sources.trace),
        ("cni", "cni", sources.cni),
        ("dials", "trace", sources.trace),
        ("connector", "connector", sources.connector),
        ("cri", "cri", sources.cri),
        ("runtime", "cri", sources.cri),
        ("pulls", "cri", sources.cri),
    ):
        if not wanted:
            agent.board.off(name, f"switched off by sources.{key}")
    if sources.probe and not sources.trace:
        agent.board.off("probe", "needs tracing, which is switched off by sources.trace")
    if not records(agent.settings):
        which = "recorder" if sources.trace else "trace"
        agent.board.off(RECORDER, f"switched off by sources.{which}")


def _open_host(settings: Settings) -> HostAccess:
    root = _host_root(settings)
    _warn_of_capabilities(root, settings)
    try:
        join_host_cgroup_namespace(root)
    except SourceAbsent as error:
        log.warning("the agent stays in a cgroup namespace of its own: %s", error)
    try:
        proc = ProcReader(root)
        _warn_of_namespaces(proc)
        usage = SelfUsageSource(root)
        return HostAccess(
            root=root,
            boot=read_boot_facts(root),
            fs=open_cgroup_fs(root),
            proc=proc,
            usage=usage,
            memory_bytes=usage.node_memory_bytes(),
        )
    except (SourceAbsent, ParseError) as error:
        raise Refusal(f"this host cannot be read: {error}") from error


def _warn_of_capabilities(root: HostRoot, settings: Settings) -> None:
    """What a container or a unit was not given."""
    with contextlib.suppress(SourceAbsent, ParseError):
        for missing in missing_capabilities(root):
            if missing.name == "SYSLOG" and not settings.sources.kmsg:
                continue
            log.warning("no CAP_%s; without it: %s", missing.name, missing.without)


def _warn_of_namespaces(proc: ProcReader) -> None:
    """In namespaces of our own the pids and cgroups of others cannot be told."""
    try:
        proc.check_namespaces()
    except SourceAbsent as error:
        log.warning("victims cannot be captured: %s", error)


def _host_root(settings: Settings) -> HostRoot:
    host = settings.host
    return HostRoot(proc=host.proc, sys=host.sys, run=host.run, root=host.root)


def _open_state(path: Path) -> StateDirectory | str:
    """The state directory, locked; or why there is none, and then the agent runs without.

    A disk that hangs is waited for in a thread that can be left behind. Raises Refusal only if
    another agent owns the directory.
    """
    found: queue.Queue[StateDirectory | StateLocked | OSError] = queue.Queue()

    def open_it() -> None:
        try:
            found.put(StateDirectory.open(path))
        except (StateLocked, OSError) as error:
            found.put(error)

    threading.Thread(target=open_it, name="state-directory", daemon=True).start()
    try:
        result = found.get(timeout=STATE_SECONDS)
    except queue.Empty:
        return f"{path}: the disk did not answer in {STATE_SECONDS:g} s; restart when it does"
    if isinstance(result, StateLocked):
        raise Refusal(str(result)) from result
    if isinstance(result, OSError):
        return f"{path}: {result.strerror}; events are kept in memory only"
    return result


def _raise_descriptor_limit() -> None:
    """Containers are started with a soft limit of 1,024, and the kernel's own hard limit is 4,096;
    some eight descriptors are kept per container. With CAP_SYS_RESOURCE the hard limit can be
    raised.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, WANTED_FDS), hard):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return
