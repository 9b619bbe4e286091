"""The node's own network on the wire: agent.model.plumbing, plumbing.proto."""

from __future__ import annotations

from agent.api.v1 import plumbing_pb2 as pb
from agent.api.wire import EnumTable, duration, text, timestamp
from agent.model.plumbing import (
    Conntrack,
    Overlay,
    OverlayState,
    PacketFilter,
    PlumbingRates,
    PlumbingReport,
    Routes,
    RuleTable,
    RuleTool,
    Softnet,
)

OVERLAY_STATE = EnumTable(
    {
        OverlayState.UP: pb.OVERLAY_STATE_UP,
        OverlayState.DOWN: pb.OVERLAY_STATE_DOWN,
        OverlayState.VANISHED: pb.OVERLAY_STATE_VANISHED,
    },
    foreign=None,
)


def plumbing_to_wire(report: PlumbingReport) -> pb.PlumbingReport:
    """A message of the caller's own."""
    sample, rates = report.sample, report.rates
    return pb.PlumbingReport(
        at=timestamp(report.wall_ns),
        window=duration(rates.window_seconds),
        conntrack=None if sample.conntrack is None else _conntrack(sample.conntrack, rates),
        softnet=None if sample.softnet is None else _softnet(sample.softnet, rates),
        neighbours=[
            pb.NeighbourTable(
                version=table.version,
                entries=table.entries,
                limit=table.limit,
                table_fulls=table.table_fulls,
                table_fulls_per_second=rates.neighbour_fulls.get(table.version),
            )
            for table in sample.neighbours
        ],
        overlays=[_overlay(report, each) for each in report.overlays],
        flapping=[
            pb.FlappingDevice(
                name=text(each.name),
                kind=text(each.kind),
                changes=each.changes,
                window=duration(each.window_seconds),
            )
            for each in report.flapping
        ],
        routes=[_routes(report, each) for each in report.routes],
        tools=[_tool(report, each) for each in report.tools],
        rules=None if report.rules is None else _rules(report, report.rules),
        ports=None
        if report.ports is None
        else pb.LocalPorts(
            total=report.ports.total,
            sockets=report.ports.sockets,
            used=report.ports.used,
            source=report.ports.source,
            destination=report.ports.destination,
            port=report.ports.port,
        ),
        saturated=rates.saturated,
        absent_reasons={text(what): text(why) for what, why in report.absent.items()},
    )


def _conntrack(table: Conntrack, rates: PlumbingRates) -> pb.ConntrackTable:
    counters = table.counters
    return pb.ConntrackTable(
        entries=table.entries,
        limit=table.limit,
        drops=None if counters is None else counters.drop,
        insert_failed=None if counters is None else counters.insert_failed,
        early_drops=None if counters is None else counters.early_drop,
        drops_per_second=rates.conntrack_drops,
        insert_failed_per_second=rates.conntrack_insert_failed,
        early_drops_per_second=rates.conntrack_early_drops,
    )


def _softnet(softnet: Softnet, rates: PlumbingRates) -> pb.SoftnetCounters:
    return pb.SoftnetCounters(
        processed=softnet.processed,
        dropped=softnet.dropped,
        squeezed=softnet.squeezed,
        drops_per_second=rates.softnet_drops,
        squeezes_per_second=rates.softnet_squeezes,
    )


def _overlay(report: PlumbingReport, overlay: Overlay) -> pb.OverlayDevice:
    return pb.OverlayDevice(
        name=text(overlay.name),
        kind=text(overlay.kind),
        state=OVERLAY_STATE.to_wire(overlay.state),
        since=duration(report.seconds(overlay.since_boottime_ns)),
    )


def _routes(report: PlumbingReport, routes: Routes) -> pb.RouteOrigin:
    gone = routes.gone_since_boottime_ns
    return pb.RouteOrigin(
        version=routes.version,
        protocol=routes.protocol,
        count=routes.count,
        most=routes.most,
        daemon=routes.daemon,
        gone=None if gone is None else duration(report.seconds(gone)),
    )


def _tool(report: PlumbingReport, tool: RuleTool) -> pb.RuleTool:
    return pb.RuleTool(
        pid=tool.pid,
        comm=text(tool.comm),
        age=duration(report.seconds(tool.start_boottime_ns)),
        state=tool.state,
        wchan=text(tool.wchan),
        holds=tool.holds,
        waits=tool.waits,
        holder=text(tool.holder),
        idle=tool.idle,
    )


def _rules(report: PlumbingReport, rules: PacketFilter) -> pb.PacketFilter:
    last = rules.last
    return pb.PacketFilter(
        counted=duration(report.seconds(rules.counted_boottime_ns)),
        tables=map(_table, rules.tables),
        changes=rules.changes,
        last=None
        if last is None
        else pb.RuleChange(
            generation=last.generation,
            pid=last.pid,
            comm=text(last.comm),
            ago=duration(report.seconds(last.boottime_ns)),
        ),
        unread_reason=text(rules.unread),
    )


def _table(table: RuleTable) -> pb.RuleTable:
    return pb.RuleTable(
        backend=table.backend,
        family=table.family,
        name=text(table.name),
        entries=table.entries,
        chains=table.chains,
        hooked=table.hooked,
    )
