"""`nodectl ns`: whose the namespaces of each container are, named ones, and strangers."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.v1 import network_pb2 as pb
from agent.api.v1 import node_agent_pb2 as wire
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, escape, wrapped

HEADER = ("HOST'S", "SHARED IN POD", "OWN", "PID", "POD", "CONTAINER")
SANDBOX = "(sandbox)"


def report(answer: wire.ListNamespacesResponse, now_ns: int, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    found = answer.namespaces
    lines = ["No container that was asked for."]
    if found.containers:
        if wide:
            kinds = tuple(each.kind for each in found.host)
            rows = [_inodes(each, kinds) for each in found.containers]
            host = {each.kind: str(each.inode) for each in found.host}
            rows.insert(0, (*(host[kind] for kind in kinds), "-", "the host", ""))
            lines = aligned(rows, (*(kind.upper() for kind in kinds), *HEADER[3:]))
        else:
            lines = aligned([_row(each) for each in found.containers], HEADER)
    lines += _named(found, now_ns)
    lines += _strangers(found)
    if answer.truncated:
        lines.append(f"more     only {len(found.containers)} are shown: ask for one namespace")
    return "\n".join(lines)


def _row(found: pb.ContainerNamespaces) -> tuple[str, ...]:
    if found.unread_reason:
        return (escape(found.unread_reason), "", "", str(found.pid or "-"), *_who(found))

    def held(holding: pb.NamespaceHolding) -> str:
        kinds = [each.kind for each in found.namespaces if each.holding == holding]
        return " ".join(kinds) or "-"

    return (
        held(pb.NAMESPACE_HOLDING_HOST),
        held(pb.NAMESPACE_HOLDING_POD),
        held(pb.NAMESPACE_HOLDING_OWN),
        str(found.pid or "-"),
        *_who(found),
    )


def _inodes(found: pb.ContainerNamespaces, kinds: tuple[str, ...]) -> tuple[str, ...]:
    inodes = {each.kind: str(each.inode) for each in found.namespaces}
    return (*(inodes.get(kind, "?") for kind in kinds), str(found.pid or "-"), *_who(found))


def _who(found: pb.ContainerNamespaces) -> tuple[str, str]:
    names = found.container
    pod = f"{escape(names.namespace)}/{escape(names.pod)}" if names.pod else escape(names.pod_uid)
    return pod, SANDBOX if found.sandbox else escape(names.name) or escape(names.id)[:12]


def _named(found: pb.NamespaceReport, now_ns: int) -> Iterator[str]:
    if found.named:
        yield ""
    for each in found.named:
        made = f", made {age(each.created, now_ns)} ago" if each.HasField("created") else ""
        if each.problem:
            text = escape(each.problem)
        elif each.HasField("pod"):
            pod = f"{escape(each.pod.namespace)}/{escape(each.pod.pod)}"
            text = f"net:[{each.inode}] of {pod}{made}"
        else:
            count = f"{each.processes:,} processes" if each.processes else "no process"
            text = f"net:[{each.inode}] of no known pod, {count}{made}"
        yield from wrapped(f"netns    {escape(each.name)} ", text)


def _strangers(found: pb.NamespaceReport) -> Iterator[str]:
    if found.strangers:
        yield ""
    for each in found.strangers:
        inodes = " ".join(f"{ns.kind}:[{ns.inode}]" for ns in each.namespaces)
        head = f"other    {escape(each.comm)}[{each.pid}] "
        yield from wrapped(head, f"{inodes} in {escape(each.cgroup) or '?'}")
    if found.strangers_cut:
        yield f"other    {found.strangers_cut:,} more processes"
