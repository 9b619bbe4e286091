"""`nodectl net --node`: what is wrong with the node's own network first, then all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.api.v1 import plumbing_pb2 as pb
from agent.nodectl.show.words import duration, escape, wrapped

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

STATES = {
    pb.OVERLAY_STATE_UP: "up",
    pb.OVERLAY_STATE_DOWN: "DOWN",
    pb.OVERLAY_STATE_VANISHED: "VANISHED",
}
ALMOST_FULL = 0.9  # of connections that are tracked, of local ports
SLOW_SECONDS = 10
VERSIONS = {4: "IPv4 (ARP)", 6: "IPv6 (NDP)"}


def found(report: pb.PlumbingReport) -> bool:
    """Whether something is wrong."""
    full = report.HasField("conntrack") and _full(report.conntrack)
    return (
        full
        or _taken(report.ports)
        or bool(report.saturated or report.flapping)
        or any(table.table_fulls_per_second for table in report.neighbours)
        or any(each.state != pb.OVERLAY_STATE_UP for each in report.overlays)
        or any(each.HasField("gone") for each in report.routes)
        or any(map(slow, report.tools))
    )


def slow(tool: pb.RuleTool) -> bool:
    """Whether a program holds others up for long."""
    return not tool.idle and tool.age.ToSeconds() >= SLOW_SECONDS


def node(report: pb.PlumbingReport) -> str:
    """The whole answer; names are escaped."""
    lines: list[str] = []
    for head, text in _lines(report):
        lines += wrapped(f"{head:<11}", text)
    for what, why in sorted(report.absent_reasons.items()):
        lines += wrapped(f"{'not known':<11}", f"{escape(what)}: {escape(why)}")
    return "\n".join(lines)


def _lines(report: pb.PlumbingReport) -> Iterator[tuple[str, str]]:
    if report.HasField("conntrack"):
        yield "conntrack", _conntrack(report.conntrack)
    if report.HasField("softnet"):
        yield "softnet", _softnet(report.softnet)
    for table in report.neighbours:
        yield "neighbours", _neighbours(table)
    if report.HasField("ports"):
        yield "ports", _ports(report.ports)
    for each in report.overlays:
        state = STATES.get(each.state, "?")
        yield (
            "overlay",
            f"{escape(each.name)} ({escape(each.kind)}) {state} for {_span(each.since)}",
        )
    for device in report.flapping:
        changes = f"{device.changes} times in {_span(device.window)}"
        yield "flapping", f"{escape(device.name)}: its carrier changed {changes}"
    if report.routes:
        yield "routes", ", ".join(_routes(each) for each in report.routes)
    for tool in report.tools:
        yield "program", _tool(tool)
    if report.HasField("rules"):
        yield "rules", _rules(report.rules)


def _conntrack(table: pb.ConntrackTable) -> str:
    share = f"{100 * table.entries / table.limit:.0f}%" if table.limit else "?"
    full = ""
    if _full(table):
        full = "FULL: " if table.entries >= table.limit else "ALMOST FULL: "
    text = f"{full}{table.entries:,} of {table.limit:,} ({share})"
    if table.HasField("drops"):
        text += f"; {_counted(table.drops, 'drops', _rate(table, 'drops_per_second'))}"
        failed = _rate(table, "insert_failed_per_second")
        text += f", {_counted(table.insert_failed, 'inserts failed', failed)}"
        early = _rate(table, "early_drops_per_second")
        text += f", {_counted(table.early_drops, 'thrown out early', early)}"
    return text


def _full(table: pb.ConntrackTable) -> bool:
    return bool(table.limit) and table.entries >= ALMOST_FULL * table.limit


def _softnet(softnet: pb.SoftnetCounters) -> str:
    drops = _counted(softnet.dropped, "dropped", _rate(softnet, "drops_per_second"))
    squeezes = _counted(softnet.squeezed, "times squeezed", _rate(softnet, "squeezes_per_second"))
    return f"{softnet.processed:,} packets taken, {drops}, {squeezes}"


def _neighbours(table: pb.NeighbourTable) -> str:
    limit = f" of {table.limit:,}" if table.HasField("limit") else ""
    text = f"{VERSIONS.get(table.version, '?')}: {table.entries:,}{limit}"
    if table.HasField("table_fulls"):
        fulls = _counted(table.table_fulls, "times full", _rate(table, "table_fulls_per_second"))
        text += f", {fulls}"
    return text


def _ports(ports: pb.LocalPorts) -> str:
    text = f"{ports.sockets:,} sockets of TCP, {ports.total:,} local ports"
    if not ports.used:
        return text
    full = "EXHAUSTED: " if _taken(ports) else ""
    return (
        f"{full}{text}, {ports.used:,} of them from {escape(ports.source)} to "
        f"{escape(ports.destination)} port {ports.port}"
    )


def _taken(ports: pb.LocalPorts) -> bool:
    return bool(ports.used) and ports.used >= ALMOST_FULL * ports.total


def _rate(
    message: pb.ConntrackTable | pb.SoftnetCounters | pb.NeighbourTable, field: str
) -> float | None:
    return getattr(message, field) if message.HasField(field) else None


def _counted(count: int, what: str, rate: float | None) -> str:
    now = f" (NOW {rate:,.1f}/s)" if rate else ""
    return f"{count:,} {what}{now}"


def _routes(origin: pb.RouteOrigin) -> str:
    name = f"{escape(origin.protocol)} IPv{origin.version}"
    if origin.HasField("gone"):
        return f"{name} GONE for {_span(origin.gone)} (were {origin.most:,})"
    return f"{name} {origin.count:,}"


def _tool(tool: pb.RuleTool) -> str:
    text = f"{'SLOW: ' if slow(tool) else ''}{escape(tool.comm)}[{tool.pid}] for {_span(tool.age)}"
    if tool.holder:
        text += f", waits for the xtables lock that {escape(tool.holder)} holds"
    elif tool.waits:
        text += f", waits in {escape(tool.wchan) or 'the kernel'}"
    elif tool.holds:
        text += ", holds the xtables lock"
    return f"{text}, waits for its input" if tool.idle else text


def _rules(rules: pb.PacketFilter) -> str:
    told = [_table(table) for table in rules.tables] or ["no table"]
    text = ", ".join(told)
    if rules.HasField("last"):
        who = f"{escape(rules.last.comm)}[{rules.last.pid}]"
        text += f"; {rules.changes:,} commits, the last by {who} {_span(rules.last.ago)} ago"
    return f"{text}; {escape(rules.unread_reason)}" if rules.unread_reason else text


def _table(table: pb.RuleTable) -> str:
    name = f"{escape(table.family)} {escape(table.name)}"
    if table.HasField("chains"):
        return f"{name} {table.entries:,} in {table.chains:,} chains"
    return f"{name} {table.entries:,} (legacy)"


def _span(span: Duration) -> str:
    return duration(span.ToNanoseconds() / 1e9)
