"""RulesStalled: a program changes the packet filter for too long, or waits for its turn."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import RULES_STALLED
from agent.model.condition import NODE, Evidence, Finding
from agent.model.plumbing import PlumbingReport, RuleTool

LONG_SECONDS = 10.0
MAX_SHOWN = 8


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    if report is None:
        return
    late = [
        tool
        for tool in report.tools
        if not tool.idle and report.seconds(tool.start_boottime_ns) >= LONG_SECONDS
    ]
    if not late:
        return
    waiting = [tool for tool in late if tool.holder]
    first = next((tool for tool in late if tool.holds), late[0])
    said = f"{_name(first)} {_does(first)}, {_age(report, first)} s after it was started"
    if waiting and first.holds:
        said += f"; {len(waiting)} more wait for that"
    elif len(late) > 1:
        said += f"; so do {len(late) - 1} more"
    yield Finding(
        type=RULES_STALLED.name,
        entity=NODE,
        reason="LockHeld" if waiting else "WaitsForKernel" if first.waits else "TakesLong",
        message=said + _size(report),
        evidence=tuple(_evidence(report, late)),
    )


def _name(tool: RuleTool) -> str:
    return f"{tool.comm}[{tool.pid}]"


def _age(report: PlumbingReport, tool: RuleTool) -> str:
    return f"{report.seconds(tool.start_boottime_ns):.0f}"


def _does(tool: RuleTool) -> str:
    if tool.holder:
        return f"waits for the xtables lock that {tool.holder} holds"
    if tool.waits:
        return f"waits in {tool.wchan or 'the kernel'}"
    return "holds the xtables lock" if tool.holds else "works"


def _size(report: PlumbingReport) -> str:
    tables = () if report.rules is None else report.rules.tables
    entries = sum(table.entries for table in tables)
    return f"; the packet filter has some {entries:,} rules" if entries else ""


def _evidence(report: PlumbingReport, late: list[RuleTool]) -> Iterator[Evidence]:
    for tool in late[:MAX_SHOWN]:
        value = f"{_name(tool)}: state {tool.state}, {tool.wchan or 'not asleep'}, {_does(tool)}, "
        value += f"started {_age(report, tool)} s ago"
        yield Evidence(what="program", value=value, source="/proc/PID/stat, /proc/locks")
    for table in () if report.rules is None else report.rules.tables:
        value = f"{table.family} {table.name}: {table.entries}"
        yield Evidence(what="rules", value=value, source=table.backend)


DETECTOR = Detector(condition=RULES_STALLED, detect=_detect)
