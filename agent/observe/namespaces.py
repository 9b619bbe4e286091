"""Samples the namespaces of containers and of processes that belong to none, and named ones.

Nothing here is for the event loop: there are thousands of processes.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces
from agent.host.proc import ProcReader
from agent.model.absence import Absence, ParseError
from agent.model.namespaces import (
    ContainerNamespaces,
    Inodes,
    NamespaceKind,
    NamespaceReport,
    Stranger,
)
from agent.model.oom import Container
from agent.parse.cgroup_path import place

KINDS = tuple(NamespaceKind)
MAX_STRANGERS = 64
MAX_TRIED = 4
"""Processes of one container that are tried: the first may end just then."""


class Cgroups(Protocol):
    """What we ask of a hierarchy; agent.host.cgroup_fs.CgroupFs does."""

    def procs(self, path: str) -> tuple[int, ...]: ...


class Wanted(Struct, frozen=True, kw_only=True):
    """A container that is there."""

    container: Container
    cgroup: str
    sandbox: bool
    init_pid: int | None


def survey(
    fs: Cgroups,
    namespaces: Namespaces,
    proc: ProcReader,
    wanted: Iterable[Wanted],
    *,
    boottime_ns: int,
    wall_ns: int,
    before: NamespaceReport | None = None,
) -> NamespaceReport:
    """All of it. From a report of shortly before, strangers are taken over, and containers whose
    process is there still and in the same network namespace.

    Raises SourceAbsent where the host's own namespaces cannot be read.
    """
    host = namespaces.of(1, KINDS)
    pids = namespaces.processes()
    nets = {pid: net for pid in pids if (net := namespaces.net(pid)) is not None}
    former = {} if before is None else {each.container.id: each for each in before.containers}
    containers = tuple(
        _same(each, former.get(each.container.id), nets) or _container(fs, namespaces, each)
        for each in wanted
    )
    if before is not None:
        strangers, cut = list(before.strangers), before.strangers_cut
    else:
        strangers, cut = _strangers(namespaces, proc, pids, _known(host, containers))
    return NamespaceReport(
        boottime_ns=boottime_ns,
        wall_ns=wall_ns,
        host=host,
        containers=containers,
        named=namespaces.named(),
        strangers=tuple(strangers),
        strangers_cut=cut,
        populations=Counter(nets.values()),
        members={net: pid for pid, net in reversed(nets.items())},  # the first, mostly the oldest
    )


def _same(
    wanted: Wanted, before: ContainerNamespaces | None, nets: Mapping[int, int]
) -> ContainerNamespaces | None:
    if before is None or not before.pid:
        return None
    if nets.get(before.pid) != before.inodes.get(NamespaceKind.NET):
        return None
    return replace(before, container=wanted.container, sandbox=wanted.sandbox)


def _known(
    host: Inodes, containers: Iterable[ContainerNamespaces]
) -> dict[NamespaceKind, set[int]]:
    known = {kind: {inode} for kind, inode in host.items()}
    for found in containers:
        for kind, inode in found.inodes.items():
            known.setdefault(kind, set()).add(inode)
    return known


def _strangers(
    namespaces: Namespaces,
    proc: ProcReader,
    pids: Iterable[int],
    known: Mapping[NamespaceKind, set[int]],
) -> tuple[list[Stranger], int]:
    """Those that are kept, and how many more there are."""
    found: list[Stranger] = []
    cut = 0
    for pid in pids:
        try:
            inodes = namespaces.of(pid, KINDS)
        except SourceAbsent:
            continue
        strange = {kind: inode for kind, inode in inodes.items() if inode not in known[kind]}
        stranger = _stranger(proc, pid, strange) if strange else None
        if stranger is not None:
            if len(found) < MAX_STRANGERS:
                found.append(stranger)
            else:
                cut += 1
    return found, cut


def _container(fs: Cgroups, namespaces: Namespaces, wanted: Wanted) -> ContainerNamespaces:
    pids: list[int] = [] if wanted.init_pid is None else [wanted.init_pid]
    unread = "it has no process"
    try:
        there = fs.procs(wanted.cgroup)
    except SourceAbsent as error:
        there, unread = (), error.absent.detail
    except ParseError as error:
        there, unread = (), str(error)
    if there:
        pids = [pid for pid in pids if pid in there] or sorted(there)
    for pid in pids[:MAX_TRIED]:
        try:
            inodes = namespaces.of(pid, KINDS)
        except SourceAbsent as error:
            if error.absent.absence is not Absence.VANISHED:
                unread = error.absent.detail
            continue
        return ContainerNamespaces(
            container=wanted.container, sandbox=wanted.sandbox, pid=pid, inodes=inodes
        )
    return ContainerNamespaces(container=wanted.container, sandbox=wanted.sandbox, unread=unread)


def _stranger(proc: ProcReader, pid: int, inodes: Mapping[NamespaceKind, int]) -> Stranger | None:
    """None: it is in a known container, which may nest namespaces as it likes, or it has ended."""
    with contextlib.suppress(SourceAbsent, ParseError):
        cgroup = proc.memory_cgroup(pid)
        where = place(cgroup)
        if where.container_id or where.pod_uid:
            return None
        found: Inodes = dict(inodes)
        return Stranger(pid=pid, comm=proc.stat(pid).comm, cgroup=cgroup, inodes=found)
    return None
