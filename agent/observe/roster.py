"""The one list of what observes this host: each observer's name and how it is opened."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from agent.config import Settings
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.dynamic_events import remove_unused
from agent.host.files import read_file
from agent.host.inotify import Inotify
from agent.host.kmsg import KmsgReader
from agent.host.link_changes import LinkChanges
from agent.host.namespaces import Namespaces
from agent.host.oom_probe import OOMProbes
from agent.host.proc import ProcReader
from agent.host.proc_connector import ProcConnector
from agent.host.root import HostRoot
from agent.host.trace_instance import TraceInstance, list_instances
from agent.host.trace_ownership import owned, remove_stale_instances
from agent.host.tracefs import Tracefs
from agent.host.vmstat import VmStat
from agent.model.evidence import Observation
from agent.observe import dials, exits, kmsg, links, plugins, probe, signals, trace
from agent.observe.cgroup_paths import CgroupPaths
from agent.observe.cgroups import CgroupWatcher
from agent.observe.exits import ExitWatcher
from agent.observe.kmsg import KmsgWatcher
from agent.observe.links import LinkWatcher
from agent.observe.probe import ProbeWatcher
from agent.observe.recorder import LINEAGE, Recorder
from agent.observe.signals import SignalWatcher
from agent.observe.trace import TraceWatcher
from agent.observe.victims import Victims
from agent.observe.vmstat import VmstatSampler
from agent.parse import cgroup_attach_task, task_newtask
from agent.parse.inet_sock_set_state import EVENT as DIAL
from agent.parse.inet_sock_set_state import dial_filter
from agent.parse.proc_cgroup import parse_memory_hierarchy

TRACE_PREFIX = "nodewitness-"
RECORDER_SUFFIX = "-recorder"
SIGNALS_SUFFIX = "-signals"
CNI_SUFFIX = "-cni"
DIALS_SUFFIX = "-dials"

RING_SHARES = 16
PIPE_SHARES, SIGNALS_SHARES, CNI_SHARES, DIALS_SHARES, RECORDER_SHARES = 3, 1, 1, 1, 10
"""Of sources.trace_buffer_bytes; without forks in it, the recorder takes no more than the consumed
instance. Shares do not change with what is recorded, for a ring that is made smaller is emptied.
"""


def records(settings: Settings) -> bool:
    """Whether there is to be a flight recorder."""
    return settings.sources.trace and settings.sources.recorder != "off"


class Watcher(Protocol):
    """Pushes: its descriptor becomes readable when it has something to say."""

    records: int

    def fileno(self) -> int | None: ...

    def observe(self) -> tuple[list[Observation], bool]:
        """What one read tells, and whether more may be waiting. Raises SourceAbsent."""

    def tick(self) -> list[Observation]:
        """What has to be asked for rather than waited for. Raises SourceAbsent."""

    def close(self) -> None: ...


class Opening(Struct, frozen=True):
    """One entry of the list. `open` raises SourceAbsent; what it returns belongs to the caller."""

    name: str
    open: Callable[[], Watcher]
    detail: str = ""  # what its health says while it is up


class Roster(Struct, frozen=True, kw_only=True):
    """Everything that observers need of the host, and the observers."""

    settings: Settings
    root: HostRoot
    fs: CgroupFs
    proc: ProcReader
    clock: Clock
    trace_name: str
    possible_cpus: int
    probes: OOMProbes
    paths: CgroupPaths = field(default_factory=CgroupPaths)
    kmsg_known: Callable[[], int] = lambda: -1
    """Every kill of the kernel's log up to this sequence is in the books."""
    plugin_directories: Callable[[], tuple[str, ...]]
    """What is executed from there is a CNI call."""

    def sampler(self) -> VmstatSampler:
        """The node's own count; without it there are no books. Raises SourceAbsent."""
        return VmstatSampler(VmStat(self.root))

    def cgroup_watcher(self) -> CgroupWatcher:
        """The cgroups of pods and containers; it polls if there is no inotify instance left."""
        return CgroupWatcher(self.fs, Inotify, self.paths)

    def watchers(self) -> list[Opening]:
        """All that can be absent. The order is that of starting: what consumes least comes
        first.
        """
        openings = []
        if self.settings.sources.kmsg:
            openings.append(Opening(kmsg.NAME, self._kmsg))
        if self.settings.sources.trace:
            victims = self.victims()
            openings.append(Opening(trace.NAME, lambda: self._trace(victims)))
            if self.settings.sources.probe:
                openings.append(
                    Opening(probe.NAME, lambda: self._probe(victims), probe.DETAIL),
                )
            if self.settings.sources.signals:
                openings.append(Opening(signals.NAME, self._signals))
        if self.settings.sources.connector:
            openings.append(Opening(exits.NAME, self._exits))
        return openings

    def plugin_watcher(self) -> Opening | None:
        """Of the CNI's plugins; None if it is switched off."""
        sources = self.settings.sources
        return Opening(plugins.NAME, self._plugins) if sources.trace and sources.cni else None

    def dial_watcher(self) -> Opening | None:
        """Of the kubelet's and the API server's connections; None if it is switched off."""
        heartbeat = self.settings.heartbeat
        named = heartbeat.kubelet_names or heartbeat.apiserver_names
        return Opening(dials.NAME, self._dials) if self.settings.sources.trace and named else None

    def link_watcher(self) -> Opening:
        """Of the host's network interfaces."""
        return Opening(links.NAME, self._links)

    def _kmsg(self) -> Watcher:
        device = Path(self.settings.host.root) / "dev/kmsg"
        known = self.kmsg_known()
        return KmsgWatcher(KmsgReader(device), self.proc, self.clock, known_through=known)

    def victims(self) -> Victims:
        """A fold over the lines of one trace instance."""
        return Victims(page_bytes=os.sysconf("SC_PAGE_SIZE"), path_of=self.paths.path)

    def recorder(self) -> Recorder:
        """The flight recorder, made or adopted. Blocks. Raises SourceAbsent."""
        name = self.trace_name + RECORDER_SUFFIX
        with contextlib.closing(Tracefs(self.root)) as tracefs:
            self._tidy(tracefs)
            probed = self.settings.sources.probe and self._can_probe(tracefs)
            forks = self.settings.sources.recorder == "on" or not probed
            instance = self._owned(tracefs, name, RECORDER_SHARES if forks else PIPE_SHARES)
            try:
                if probed:
                    self.probes.record(tracefs, name)
                self._record(instance, forks=forks)
                return Recorder(instance, self.victims(), forks=forks)
            except BaseException:
                instance.close()
                raise

    def _can_probe(self, tracefs: Tracefs) -> bool:
        try:
            self.probes.define(tracefs)
        except SourceAbsent:
            return False  # the probe's own entry says why
        return True

    def _record(self, instance: TraceInstance, *, forks: bool) -> None:
        instance.enable("oom/mark_victim")
        if forks:
            number = parse_memory_hierarchy(read_file(self.root.proc / "self/cgroup"))
            instance.enable(task_newtask.EVENT)
            instance.enable(cgroup_attach_task.EVENT, f"dst_root == {number}")
        else:
            for event in LINEAGE:
                instance.disable(event)
        instance.start()

    def _tidy(self, tracefs: Tracefs) -> None:
        """Remove what agents that are no more have left."""
        keep = {self.trace_name}
        if records(self.settings):
            keep.add(self.trace_name + RECORDER_SUFFIX)
        if self.settings.sources.signals:
            keep.add(self.trace_name + SIGNALS_SUFFIX)
        if self.settings.sources.cni:
            keep.add(self.trace_name + CNI_SUFFIX)
        if self.dial_watcher() is not None:
            keep.add(self.trace_name + DIALS_SUFFIX)
        remove_stale_instances(tracefs, TRACE_PREFIX, keep)
        with contextlib.suppress(SourceAbsent):
            names = list_instances(tracefs, TRACE_PREFIX)
            others = (SIGNALS_SUFFIX, CNI_SUFFIX, DIALS_SUFFIX)  # without probes
            if all(name.endswith(others) for name in names):
                remove_unused(tracefs)  # of former versions; later, it would empty our rings

    def _probe(self, victims: Victims) -> Watcher:
        return ProbeWatcher(Tracefs(self.root), self.trace_name, self.probes, victims)

    def _trace(self, victims: Victims) -> Watcher:
        with contextlib.closing(Tracefs(self.root)) as tracefs:
            self._tidy(tracefs)
            instance = self._owned(tracefs, self.trace_name, PIPE_SHARES)
            try:
                if self.settings.sources.probe:
                    with contextlib.suppress(SourceAbsent):  # the probe's own entry says it
                        self.probes.record(tracefs, self.trace_name)
                instance.enable("oom/mark_victim")
                instance.start()
                instance.open_pipe()
            except BaseException:
                instance.close()
                raise
        return TraceWatcher(instance, self.proc, self.clock, victims)

    def _owned(self, tracefs: Tracefs, name: str, share: int) -> TraceInstance:
        return owned(
            lambda: TraceInstance(
                tracefs,
                name,
                total_bytes=self.settings.sources.trace_buffer_bytes * share // RING_SHARES,
                possible_cpus=self.possible_cpus,
            )
        )

    def _signals(self) -> Watcher:
        with contextlib.closing(Tracefs(self.root)) as tracefs:
            instance = self._owned(tracefs, self.trace_name + SIGNALS_SUFFIX, SIGNALS_SHARES)
        try:
            instance.enable(signals.EVENT, signals.FILTER)
            instance.start()
            instance.open_pipe()
            return SignalWatcher(instance, self.proc)
        except BaseException:
            instance.close()
            raise

    def _plugins(self) -> Watcher:
        with contextlib.closing(Tracefs(self.root)) as tracefs:
            instance = self._owned(tracefs, self.trace_name + CNI_SUFFIX, CNI_SHARES)
        try:
            return plugins.PluginWatcher(instance, self.plugin_directories)
        except BaseException:
            instance.close()
            raise

    def _dials(self) -> Watcher:
        with contextlib.closing(Tracefs(self.root)) as tracefs:
            instance = self._owned(tracefs, self.trace_name + DIALS_SUFFIX, DIALS_SHARES)
        try:
            heartbeat = self.settings.heartbeat
            instance.enable(DIAL, dial_filter(heartbeat.kubelet_names + heartbeat.apiserver_names))
            instance.start()
            instance.open_pipe()
            return dials.watcher(instance)
        except BaseException:
            instance.close()
            raise

    def _exits(self) -> Watcher:
        return ExitWatcher(ProcConnector(self.proc), self.proc)

    def _links(self) -> Watcher:
        buffer_bytes = self.settings.network.event_buffer_bytes
        return LinkWatcher(LinkChanges(Namespaces(self.root), buffer_bytes))
