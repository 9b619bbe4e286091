"""The node's own network: the answer to GetPlumbing, and metrics."""

from __future__ import annotations

from agent.api.plumbing import plumbing_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.plumbing import OverlayState, PlumbingReport
from agent.serve.row import Samples, counter, gauge


def answer(report: PlumbingReport) -> pb.GetPlumbingResponse:
    """All of it."""
    return pb.GetPlumbingResponse(plumbing=plumbing_to_wire(report))


def conntrack(report: PlumbingReport | None, field: str) -> Samples:
    """Entries, or the limit, where connections are tracked."""
    if report is not None and report.sample.conntrack is not None:
        yield (), getattr(report.sample.conntrack, field)


def conntrack_events(report: PlumbingReport | None) -> Samples:
    """Packets dropped, inserts that failed, entries thrown out early."""
    table = None if report is None else report.sample.conntrack
    if table is not None and table.counters is not None:
        yield ("drop",), table.counters.drop
        yield ("insert_failed",), table.counters.insert_failed
        yield ("early_drop",), table.counters.early_drop


def softnet(report: PlumbingReport | None, field: str) -> Samples:
    """One of the counters of what CPUs have taken from devices."""
    if report is not None and report.sample.softnet is not None:
        yield (), getattr(report.sample.softnet, field)


def neighbours(report: PlumbingReport | None, field: str) -> Samples:
    """One figure of each table, where it is known."""
    for table in () if report is None else report.sample.neighbours:
        value = getattr(table, field)
        if value is not None:
            yield (str(table.version),), value


def overlays(report: PlumbingReport | None) -> Samples:
    """Whether each device that carries packets to other nodes is up."""
    for each in () if report is None else report.overlays:
        yield (each.name, each.kind), each.state is OverlayState.UP


def routes(report: PlumbingReport | None) -> Samples:
    """Routes by who has made them."""
    for each in () if report is None else report.routes:
        yield (str(each.version), each.protocol), each.count


def tool_oldest(report: PlumbingReport | None) -> Samples:
    """The oldest program that changes rules; nothing while there is none."""
    ages = [] if report is None else [t.start_boottime_ns for t in report.tools if not t.idle]
    if report is not None and ages:
        yield (), report.seconds(min(ages))


def rules(report: PlumbingReport | None) -> Samples:
    """How large each table of the packet filter is."""
    if report is not None and report.rules is not None:
        for table in report.rules.tables:
            yield (table.backend, table.family, table.name), table.entries


def changes(report: PlumbingReport | None) -> Samples:
    """Commits to nftables since the agent started."""
    if report is not None and report.rules is not None:
        yield (), report.rules.changes


def ports(report: PlumbingReport | None) -> Samples:
    """Local ports that connect(2) may take, and those taken by one peer."""
    if report is not None and report.ports is not None:
        yield ("total",), report.ports.total
        yield ("used",), report.ports.used


ROWS = (
    gauge(
        "conntrack_entries",
        "Connections that the host's network namespace tracks.",
        lambda s: conntrack(s.plumbing, "entries"),
    ),
    gauge(
        "conntrack_limit",
        "Connections that it can track (net.netfilter.nf_conntrack_max).",
        lambda s: conntrack(s.plumbing, "limit"),
    ),
    counter(
        "conntrack_events",
        "Packets dropped for want of an entry, inserts that failed, entries thrown out early.",
        lambda s: conntrack_events(s.plumbing),
        labels=("event",),
    ),
    counter(
        "softnet_processed",
        "Packets that the CPUs have taken from network devices.",
        lambda s: softnet(s.plumbing, "processed"),
    ),
    counter(
        "softnet_dropped",
        "Packets that were dropped because a CPU's backlog was full.",
        lambda s: softnet(s.plumbing, "dropped"),
    ),
    counter(
        "softnet_squeezed",
        "Times that a CPU had more packets than it may take at once.",
        lambda s: softnet(s.plumbing, "squeezed"),
    ),
    gauge(
        "neighbour_entries",
        "Entries of the tables of neighbours, which all network namespaces share.",
        lambda s: neighbours(s.plumbing, "entries"),
        labels=("version",),
    ),
    gauge(
        "neighbour_limit",
        "Entries that they can hold (gc_thresh3).",
        lambda s: neighbours(s.plumbing, "limit"),
        labels=("version",),
    ),
    counter(
        "neighbour_table_fulls",
        "Times that no entry could be made because the table was full.",
        lambda s: neighbours(s.plumbing, "table_fulls"),
        labels=("version",),
    ),
    gauge(
        "overlay_up",
        "Whether a device that carries packets to other nodes, and was up before, is up.",
        lambda s: overlays(s.plumbing),
        labels=("device", "kind"),
    ),
    gauge(
        "routes",
        "Routes of the host by the protocol that has made them.",
        lambda s: routes(s.plumbing),
        labels=("version", "protocol"),
    ),
    gauge(
        "local_ports",
        "Local ports for connections of the host: all, and those that one peer has taken; 0 while "
        "there are few sockets.",
        lambda s: ports(s.plumbing),
        labels=("which",),
    ),
    gauge(
        "rule_program_oldest_seconds",
        "Age of the oldest program that changes the packet filter; absent while there is none.",
        lambda s: tool_oldest(s.plumbing),
    ),
    gauge(
        "packet_filter_entries",
        "How large a table of the packet filter is: of nftables rules and jumps to chains, of "
        "iptables-legacy rules and heads of chains.",
        lambda s: rules(s.plumbing),
        labels=("backend", "family", "table"),
    ),
    counter(
        "nftables_commits",
        "Changes of nftables since the agent started.",
        lambda s: changes(s.plumbing),
    ),
)
