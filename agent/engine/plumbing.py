"""The node's own network: counters and programs every few seconds, devices, routes and tables of
rules at every second look.

All reading is done in workers that can be left behind: what waits for the kernel's rtnl_mutex, or
for a commit to nftables, takes nothing from the counters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct, field

from agent.derive.overlays import FlapFold, OverlayFold
from agent.derive.plumbing_rates import PlumbingFold
from agent.derive.route_origins import RouteFold
from agent.derive.rule_tools import RuleToolFold
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.packet_filter import PacketFilterWatch
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.local_ports import LocalPortCounter
from agent.host.namespaces import Namespaces
from agent.host.plumbing import PlumbingCounters
from agent.host.rule_tools import RuleTools
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent, ParseError
from agent.model.plumbing import (
    Flapping,
    LocalPorts,
    Overlay,
    PlumbingReport,
    PlumbingSample,
    Routes,
    RuleTool,
    SeenTool,
)
from agent.observe.plumbing import read_fabric

PLUMBING, FABRIC = "plumbing", "fabric"
LOOK_SECONDS = 5.0
READ_SECONDS = 4.0
SELDOM = 2
"""Devices, routes and tables are read in one of so many looks."""
LINKS, PORTS, RULES, TOOLS = "links and routes", "ports", "rules", "programs"

T = TypeVar("T")


class PlumbingWatch(Struct, kw_only=True):
    """Owns the folds and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers  # for what stands in /proc
    netlink: Workers  # for what waits for the kernel
    counters: PlumbingCounters
    programs: RuleTools
    port_counter: LocalPortCounter
    namespaces: Namespaces
    rules: PacketFilterWatch
    report: PlumbingReport | None = None
    _rates: PlumbingFold = field(default_factory=PlumbingFold)
    _overlays: OverlayFold = field(default_factory=OverlayFold)
    _flaps: FlapFold = field(default_factory=FlapFold)
    _routes: RouteFold = field(default_factory=RouteFold)
    _tools: RuleToolFold = field(default_factory=RuleToolFold)
    _seen: tuple[tuple[Overlay, ...], tuple[Flapping, ...], tuple[Routes, ...]] = ((), (), ())
    _ports: LocalPorts | None = None
    _absent: dict[str, str] = field(default_factory=dict)
    _looks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.run(PLUMBING, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One round."""
        seldom = self._looks % SELDOM == 0
        self._looks += 1
        sample = await self._sample()
        if sample is None:
            self.report = None
            return
        self.board.up(PLUMBING)
        self.board.count(PLUMBING, self._looks)
        tools = await self._programs()
        if seldom:
            await self._fabric()
            self._ports = await self._try(PORTS, self.netlink, self.port_counter.count)
            await self.rules.look()
            self._absent.pop(RULES, None)
            if self.rules.unread:
                self._absent[RULES] = self.rules.unread
        now = self.clock.boottime_ns()
        overlays, flapping, routes = self._seen
        self.report = PlumbingReport(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            sample=sample,
            rates=self._rates.take(sample),
            overlays=overlays,
            flapping=flapping,
            routes=routes,
            tools=tools,
            rules=self.rules.filter,
            ports=self._ports,
            absent={**sample.absent, **self._absent},
        )

    async def _sample(self) -> PlumbingSample | None:
        now = self.clock.boottime_ns()
        try:
            return await self.workers.run(
                self.counters.sample, now, deadline_seconds=READ_SECONDS, key="counters"
            )
        except (Abandoned, TooManyAbandoned) as error:
            absent = Absent(absence=Absence.FAILED, detail=str(error))
            self.board.absent(PLUMBING, absent)
            self.board.absent(FABRIC, absent)
            return None

    async def _programs(self) -> tuple[RuleTool, ...]:
        found = await self._try(TOOLS, self.workers, self._read_programs)
        return () if found is None else self._tools.take(*found)

    def _read_programs(self) -> tuple[tuple[SeenTool, ...], dict[int, str], tuple[int, ...]]:
        tools = self.programs.tools()
        holders, waiters = self.programs.lock()
        return tools, {pid: self.programs.comm(pid) for pid in holders}, waiters

    async def _fabric(self) -> None:
        """What is seen goes on where nothing can be read: nothing has been found otherwise."""
        fabric = await self._try(LINKS, self.netlink, lambda: read_fabric(self.namespaces))
        if fabric is None:
            self.board.absent(FABRIC, Absent(absence=Absence.FAILED, detail=self._absent[LINKS]))
        else:
            self.board.up(FABRIC)
            self.board.count(FABRIC, self._looks)
            now = self.clock.boottime_ns()
            self._seen = (
                self._overlays.take(fabric.links, now),
                self._flaps.take(fabric.links, now),
                self._routes.take(fabric.routes, now),
            )

    async def _try(self, what: str, workers: Workers, read: Callable[[], T]) -> T | None:
        try:
            found = await workers.run(read, deadline_seconds=READ_SECONDS, key=what)
        except (Abandoned, TooManyAbandoned, SourceAbsent, ParseError) as error:
            self._absent[what] = str(error)
            return None
        self._absent.pop(what, None)
        return found
