"""What belongs to no living sandbox: candidates of one look, and since when they are that. Pure.

A candidate is a leftover once nobody has used it for the grace, and the runtime says in a whole
answer that it does not know the container that it was made for. What a CNI call in flight works on
is none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from agent.model.namespaces import NamespaceReport
from agent.model.netlink import HostNetwork, NamespaceNetwork
from agent.model.network import EmptyPod, Leftover, LeftoverKind

MAX_LEFTOVERS = 1000
_OF_A_RUNTIME = re.compile(
    r"cni-.+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII
)
"""How containerd and CRI-O call the namespaces that they make; others may be an operator's."""


class Candidate(Struct, frozen=True, kw_only=True):
    """Something that nobody seems to use now."""

    kind: LeftoverKind
    name: str
    identity: int = 0  # tells it from a later one of the same name
    created_wall_ns: int = 0
    inode: int = 0
    owner: str = ""  # a container's id, of a cgroup the pod's uid; empty: not known
    detail: str = ""

    @property
    def key(self) -> tuple[LeftoverKind, str, int, str]:
        return self.kind, self.name, self.identity, self.owner


class Owners(Struct, frozen=True, kw_only=True):
    """Who made what, as far as the disk and the CNI ledger tell."""

    by_netns: Mapping[str, str]  # a container's id by the name of its namespace
    living: Collection[str]  # containers whose cgroups are there with a process
    busy: Collection[str]
    """Containers, names of namespaces and uids of pods that a CNI call works on."""


def candidates(
    seen: NamespaceReport,
    host: HostNetwork,
    networks: Mapping[int, NamespaceNetwork],
    taken: Iterable[tuple[str, str]],
    owners: Owners,
    pods: Iterable[EmptyPod] = (),
) -> tuple[Candidate, ...]:
    """Those of one look. `taken`: addresses, with the container's id of each."""
    names = tuple(_namespaces(seen, host, networks, owners))
    empty = {each.inode: each for each in names}
    return (
        *names,
        *_veths(host, networks, empty, complete=not any(n.unread for n in networks.values())),
        *(
            Candidate(kind=LeftoverKind.ADDRESS, name=address, owner=owner)
            for address, owner in taken
            if owner and owner not in owners.living and owner not in owners.busy
        ),
        *(_cgroup(each) for each in pods if each.pod.pod_uid not in owners.busy),
    )


def _namespaces(
    seen: NamespaceReport,
    host: HostNetwork,
    networks: Mapping[int, NamespaceNetwork],
    owners: Owners,
) -> Iterator[Candidate]:
    for each in seen.named:
        if not each.inode or each.inode == host.inode or seen.populations.get(each.inode):
            continue
        owner = owners.by_netns.get(each.name, "")
        if not owner and not _OF_A_RUNTIME.fullmatch(each.name):
            continue
        if each.name in owners.busy or owner in owners.busy or (owner and owner in owners.living):
            continue
        network = networks.get(each.inode)
        cookie = None if network is None else network.cookie
        yield Candidate(
            kind=LeftoverKind.NAMESPACE,
            name=each.name,
            identity=each.created_wall_ns if cookie is None else cookie,
            created_wall_ns=each.created_wall_ns,
            inode=each.inode,
            owner=owner,
            detail="no process is in it",
        )


def _cgroup(empty: EmptyPod) -> Candidate:
    names = empty.pod
    of = f"; it was of pod {names.namespace}/{names.pod}" if names.pod else ""
    return Candidate(
        kind=LeftoverKind.CGROUP,
        name=empty.path,
        identity=empty.inode,
        inode=empty.inode,
        owner=names.pod_uid,
        detail=f"no process is in it{of}",
    )


def _veths(
    host: HostNetwork,
    networks: Mapping[int, NamespaceNetwork],
    empty: Mapping[int, Candidate],
    *,
    complete: bool,
) -> Iterator[Candidate]:
    """Pairs that lead into an empty namespace, or into one that has neither process nor name."""
    known = {n.nsid: n.inode for n in networks.values() if n.nsid is not None}
    for link in host.links.values():
        if link.kind != "veth" or link.peer_nsid is None:
            continue
        inode = known.get(link.peer_nsid)
        if inode is not None and inode in empty:
            of = empty[inode]
            yield Candidate(
                kind=LeftoverKind.VETH,
                name=link.name,
                identity=link.index,
                inode=inode,
                owner=of.owner,
                detail=f"it leads into {of.name}",
            )
        elif inode is None and complete:
            yield Candidate(
                kind=LeftoverKind.VETH,
                name=link.name,
                identity=link.index,
                detail=f"it leads into nsid {link.peer_nsid}, which has neither process nor name",
            )


class LeftoverFold:
    """For how long each candidate has been one without a break."""

    def __init__(self, grace_ns: int) -> None:
        self._grace_ns = grace_ns
        self._since: dict[tuple[LeftoverKind, str, int, str], int] = {}
        self._candidates: tuple[Candidate, ...] = ()

    def observe(self, found: tuple[Candidate, ...], now_ns: int) -> None:
        """One look; what is no candidate any more begins anew when it is one again."""
        self._candidates = found
        self._since = {each.key: self._since.get(each.key, now_ns) for each in found}

    def ripe(self, now_ns: int) -> tuple[Candidate, ...]:
        """Those that the runtime is to be asked about."""
        return tuple(
            each for each in self._candidates if now_ns - self._since[each.key] >= self._grace_ns
        )

    def judged(self, now_ns: int, *, known: Collection[str], unplaced: int) -> tuple[Leftover, ...]:
        """The leftovers, by what the runtime knows: ids of containers and sandboxes, the uids of
        their pods, and how many sandboxes there are of which nobody can tell the namespace. While
        there are any, something without an owner may be theirs.
        """
        found = (
            each
            for each in self.ripe(now_ns)
            if (each.owner not in known if each.owner else not unplaced)
        )
        return tuple(
            Leftover(
                kind=each.kind,
                name=each.name,
                since_boottime_ns=self._since[each.key],
                created_wall_ns=each.created_wall_ns,
                inode=each.inode,
                detail=each.detail,
                owner=each.owner,
            )
            for each in found
        )[:MAX_LEFTOVERS]
