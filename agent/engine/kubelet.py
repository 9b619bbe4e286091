"""The kubelet: its process once a second, its healthz every few seconds.

All reading is done in workers that can be left behind; the question is a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.kubelet_healthz import HealthzProbe
from agent.engine.node_object import NodeObjectWatch
from agent.engine.runtime_former import Former
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.kubelet import KubeletReport
from agent.model.memory import KubeletFacts
from agent.model.rates import Rates, UsageReport
from agent.model.runtime import DaemonProcess
from agent.model.usage import CgroupKind
from agent.observe.kubelet import KubeletSight

HEALTHZ = "healthz"
LOOK_SECONDS = 1.0
SIGHT_SECONDS = 5.0
SEARCH_TICKS = 10
"""Every so many looks all processes are searched for one, if none is known."""
GONE_SECONDS = 60.0
"""For so long one that has ended is searched for in each look: systemd waits ten seconds."""
NONE_HERE = "no process is named kubelet here, nor is a kubelet configured"
OFF = "its configuration switches healthz off (healthzPort: 0)"


class KubeletWatch(Struct, kw_only=True):
    """Owns the question, the workers and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    sight: KubeletSight
    probe: HealthzProbe
    former: Former
    facts: Callable[[], KubeletFacts]
    changed: Callable[[], None]  # hears that there is another kubelet, before its facts are known
    usage: Callable[[], UsageReport | None]
    expected: Callable[[], bool]  # whether there are pods here
    believed: NodeObjectWatch | None  # what the API server says of it; None: switched off
    port: int  # of the agent's settings; 0: as the kubelet says
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    interval_seconds: float
    report: KubeletReport | None = None
    _process: DaemonProcess | None = None
    _ticks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.round(HEALTHZ, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One round."""
        now = self.clock.boottime_ns()
        known = None if self._process is None else self._process.key.pid
        search = known is not None or self._ticks % SEARCH_TICKS == 0 or self._just_gone(now)
        sick = self.report is not None and self.report.failing
        waits = self._process is not None and bool(self._process.blocked)
        threads = sick or waits or self._ticks % SEARCH_TICKS == 0
        self._ticks += 1
        try:
            seen = await self.workers.run(
                lambda: self.sight.look(known, search=search, threads=threads),
                deadline_seconds=SIGHT_SECONDS,
            )
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(HEALTHZ, Absent(absence=Absence.FAILED, detail=str(error)))
            self.report = None
            return
        if seen is not None and (self._process is None or self._process.key != seen.key):
            self.changed()
        self._process = self.former.turn(self._process, seen, now)
        facts = self.facts()
        here = self._process is not None or self.former.last is not None
        absent = "" if here or (facts.config and self.expected()) else NONE_HERE
        port = self.port or facts.healthz_port
        if not absent and port and (facts.found or self.port):
            self._ask(facts.healthz_address, port, now)
        rates = self._rates()
        pressure = None if rates is None else rates.cpu_pressure
        self.report = KubeletReport(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            absent=absent,
            process=self._process,
            former=self.former.last,
            restarts=self.former.restarts,
            healthz=self.probe.standing() if port and not absent else None,
            healthz_off="" if port else OFF,
            facts=facts,
            throttled_ratio=None if rates is None else rates.throttled_ratio,
            cpu_waiting=None if pressure is None else pressure.waiting,
            belief=None if self.believed is None else self.believed.belief,
            belief_unknown="" if self.believed is None else self.believed.unknown,
        )
        vanished = Absent(absence=Absence.VANISHED, detail=absent)
        self.board.hear(HEALTHZ, vanished if absent else None)
        asked = self.report.healthz
        self.board.count(HEALTHZ, 0 if asked is None else asked.latency.count)

    def _ask(self, address: str, port: int, now: int) -> None:
        """The next question, if none is open."""
        ended = self.probe.ended_ns
        due = ended is None or now - ended >= self.interval_seconds * 1e9
        if due and not self.probe.asking:
            self.spawn(self.guard.run(HEALTHZ, self.probe.run(address, port)))

    def _just_gone(self, now: int) -> bool:
        """Whether its successor should come any moment."""
        last = self.former.last
        return last is not None and now - last.seen_boottime_ns < GONE_SECONDS * 1e9

    def _rates(self) -> Rates | None:
        """What its unit used, from the last sweep."""
        usage = self.usage()
        if usage is None or self._process is None or not self._process.unit:
            return None
        for key, sample in usage.sweep.samples.items():
            if sample.kind is CgroupKind.SERVICE and sample.place.unit == self._process.unit:
                derived = usage.derived.get(key)
                return None if derived is None else derived.rates
        return None
