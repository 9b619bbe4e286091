"""Which network namespace is whose pod's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.model.namespaces import ContainerNamespaces, NamespaceKind, NamespaceReport
from agent.model.network import Datapath, PodNetwork
from agent.model.oom import Container


def pod_networks(
    seen: NamespaceReport, names: Callable[[str, Container], Container]
) -> Iterator[PodNetwork]:
    """Each pod with a process, by the namespace of its sandbox, else of any container.

    `names` gives a pod's names by its UID, or those of the container if it knows none.
    """
    named = {each.inode: each.name for each in seen.named if each.inode}
    host = seen.host.get(NamespaceKind.NET)
    first: dict[str, ContainerNamespaces] = {}
    for each in seen.containers:
        uid = each.container.pod_uid
        if NamespaceKind.NET in each.inodes and (uid not in first or each.sandbox):
            first[uid] = each
    for uid, each in first.items():
        inode = each.inodes[NamespaceKind.NET]
        yield PodNetwork(
            pod=names(uid, each.container),
            datapath=Datapath.HOST if inode == host else Datapath.UNKNOWN,
            pid=each.pid,
            inode=inode,
            name=named.get(inode, ""),
        )
