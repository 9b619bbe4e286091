"""Pressure: the kernel's triggers wake the loop, a sample is taken once a tick, episodes are told.

All files here are procfs and cgroupfs: none can hang behind a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from agent.config.settings import Pressure as Settings
from agent.derive.pressure_episodes import EpisodeFold, Firing
from agent.derive.reclaim import ReclaimFold
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.pressure import PressureFiles
from agent.host.psi_trigger import PsiTrigger
from agent.model.absence import Absence, Absent, ParseError
from agent.model.cgroup import CgroupPlace
from agent.model.event import PressureCrossed
from agent.model.evidence import CgroupGone, CountersSeen
from agent.model.oom import Container
from agent.model.pressure import PressureReport, Resource, Scope, Thrash, TriggerState
from agent.model.usage import Pressure
from agent.observe.pressure import NAME, TRIGGERED, PressureSampler
from agent.parse.pressure import parse_pressure

LOOK_TICKS = 10
"""Every so many ticks kubepods is looked for, and what is not armed is tried again."""
MAX_THRASHING = 64
"""Whose own pressure is read in one tick: a read each."""

_Key = tuple[Scope, Resource]


class _Armed(Struct):
    trigger: PsiTrigger | None
    state: TriggerState
    fired_ns: int = 0
    armed_us: int | None = None  # its file's total then; None once it has fired for good reason


class PressureWatch:
    """Owns the triggers, the folds and the last report."""

    def __init__(
        self,
        *,
        settings: Settings,
        files: PressureFiles,
        clock: Clock,
        board: SourceBoard,
        guard: Guard,
        tell: Callable[[PressureCrossed], None],
        names: Callable[[CgroupPlace], Container | None],
    ) -> None:
        self.settings = settings
        self.files = files
        self.clock = clock
        self.board = board
        self.guard = guard
        self.tell = tell
        self.names = names
        self.report: PressureReport | None = None
        self._sampler = PressureSampler(files)
        self._episodes = EpisodeFold(settings.hold)
        self._reclaim = ReclaimFold()
        self._armed: dict[_Key, _Armed] = {}
        self._ticks = 0

    def heard(self, seen: CountersSeen | CgroupGone) -> None:
        """Hear of a cgroup's memory.events, as they are read for the OOM ledger."""
        self._reclaim.heard(seen, self.clock.boottime_ns())

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read all, arm what is not armed, tell what is over."""
        if self._ticks % LOOK_TICKS == 0:
            self._sampler.look_for_groups()
            self._arm(loop)
        self._ticks += 1
        now, wall = self.clock.boottime_ns(), self.clock.wall_ns()
        try:
            levels = self._sampler.sample()
        except (SourceAbsent, ParseError) as error:
            failed = Absent(absence=Absence.FAILED, detail=str(error))
            absent = error.absent if isinstance(error, SourceAbsent) else failed
            self.board.absent(NAME, absent)
            self.report = PressureReport(
                boottime_ns=now,
                wall_ns=wall,
                triggers=self._states(),
                last=self._episodes.last,
                absent=absent.detail,
            )
            return
        self.board.up(NAME, self._detail())
        self.board.count(NAME, self._sampler.records)
        for episode in self._episodes.tick(now, levels):
            self.tell(PressureCrossed(episode=episode))
        self.report = PressureReport(
            boottime_ns=now,
            wall_ns=wall,
            levels=levels,
            triggers=self._states(),
            current=self._episodes.current,
            last=self._episodes.last,
            thrashing=self._thrashing(now),
        )

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Disarm all."""
        for key in list(self._armed):
            self._disarm(key, loop)
        self._armed.clear()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        window_us = int(self.settings.window * 1e6)
        for scope in TRIGGERED:
            for resource in Resource:
                key = (scope, resource)
                held = self._armed.get(key)
                if held is not None and held.trigger is not None:
                    continue
                stall = getattr(self.settings, resource.value)
                state = TriggerState(
                    scope=scope,
                    resource=resource,
                    stall_us=min(int(stall * 1e6), window_us),
                    window_us=window_us,
                    armed=False,
                    fired=0 if held is None else held.state.fired,
                )
                self._armed[key] = self._try(state, loop)

    def _try(self, state: TriggerState, loop: asyncio.AbstractEventLoop) -> _Armed:
        scope, resource = state.scope, state.resource
        if state.stall_us == 0:
            off = f"switched off by pressure.{resource.value}"
            return _Armed(None, replace(state, detail=off))
        try:
            trigger = self._sampler.arm(scope, resource, state.stall_us, state.window_us)
        except SourceAbsent as error:
            return _Armed(None, replace(state, detail=error.absent.detail))
        armed_us = None
        with contextlib.suppress(SourceAbsent, ParseError):
            armed_us = parse_pressure(trigger.read()).some_us
        heard = partial(self._fired, (scope, resource), loop)
        loop.add_reader(trigger.fileno(), self.guard.call, NAME, heard)
        return _Armed(
            trigger,
            replace(
                state,
                armed=True,
                stall_us=trigger.stall_us,
                window_us=trigger.window_us,
                detail=trigger.detail,
            ),
            armed_us=armed_us,
        )

    def _fired(self, key: _Key, loop: asyncio.AbstractEventLoop) -> None:
        held = self._armed.get(key)
        if held is None or held.trigger is None:
            return
        now = self.clock.boottime_ns()
        early = now - held.fired_ns < held.state.window_us * 500  # half a window
        try:
            pressure = parse_pressure(held.trigger.read())
            broken = held.trigger.broken() and early
        except SourceAbsent as error:
            detail = "its cgroup is gone"
            if error.absent.absence is not Absence.VANISHED:
                detail = error.absent.detail
            self._disarm(key, loop, detail)
            return
        except ParseError as error:
            self._disarm(key, loop, str(error))
            return
        if broken:
            self._disarm(key, loop, "the kernel has given it up")
            return
        held.fired_ns = now
        if held.armed_us is not None:
            # Unprivileged triggers count their first window from another counter than they watch
            # (psi_trigger_create takes total[PSI_POLL], Linux 6.5 and later): the file knows.
            if pressure.some_us - held.armed_us < held.state.stall_us:
                return
            held.armed_us = None
        held.state = replace(held.state, fired=held.state.fired + 1)
        begun = self._episodes.fired(
            Firing(
                scope=key[0],
                resource=key[1],
                boottime_ns=now,
                wall_ns=self.clock.wall_ns(),
                window_us=held.state.window_us,
                pressure=pressure,
            )
        )
        if begun is not None:
            self.tell(PressureCrossed(episode=begun))

    def _disarm(self, key: _Key, loop: asyncio.AbstractEventLoop, detail: str = "") -> None:
        held = self._armed[key]
        if held.trigger is not None:
            loop.remove_reader(held.trigger.fileno())
            held.trigger.close()
            held.trigger = None
        held.state = replace(held.state, armed=False, detail=detail)

    def _states(self) -> tuple[TriggerState, ...]:
        return tuple(held.state for held in self._armed.values())

    def _detail(self) -> str:
        """What limits the triggers, each reason once; that there is no kubepods yet does not."""
        reasons: dict[str, list[str]] = {}
        for held in self._armed.values():
            state = held.state
            if state.detail and (state.armed or self._sampler.path(state.scope) is not None):
                name = f"{state.scope.value} {state.resource.value}"
                reasons.setdefault(state.detail, []).append(name)
        return "; ".join(
            f"triggers of {', '.join(names)}: {detail}" for detail, names in reasons.items()
        )

    def _thrashing(self, now: int) -> tuple[Thrash, ...]:
        found: list[Thrash] = []
        for thrash in self._reclaim.thrashing(now):
            if len(found) == MAX_THRASHING:
                break
            names = self.names(thrash.place)
            found.append(replace(thrash, container=names, pressure=self._own(thrash.place)))
        return tuple(found)

    def _own(self, place: CgroupPlace) -> Pressure | None:
        try:
            return parse_pressure(self.files.read(place.path, Resource.MEMORY))
        except (SourceAbsent, ParseError):
            return None
