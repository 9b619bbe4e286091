"""The ladder: connect, Version, Status, ListPodSandbox, one probe at a time.

A deadline judges and does not cancel: what has been asked stays asked until it is answered, so that
a runtime that is late is asked no second time and its answer, when it comes, tells how late it was.
After ABANDON_SECONDS a question is given up, for one that was lost must not be waited for for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.cri import CriSandbox, CriVersion
from agent.model.absence import Absence, Absent
from agent.model.runtime import Rung, RungState, Step

ABANDON_SECONDS = 120.0
_OURS = (Absence.DENIED, Absence.UNSUPPORTED)
"""Absences that say nothing against the runtime."""
ASKED = (Rung.CONNECT, Rung.VERSION, Rung.STATUS, Rung.LIST)


class Runtime(Protocol):
    """What we ask; agent.host.cri.CriClient does."""

    async def version(self) -> CriVersion: ...

    async def conditions(self) -> dict[str, tuple[bool, str]]: ...

    async def list_sandboxes(self) -> tuple[CriSandbox, ...]: ...

    async def close(self) -> None: ...


class Ladder(Struct, kw_only=True):
    """Owns the one probe and its own connection; what the last answers said."""

    clock: Clock
    runtime: Runtime
    connect: Callable[[], Awaitable[int | None]]  # the pid that listens; raises SourceAbsent
    deadlines: Mapping[Rung, float]
    blind: Absent | None = None  # we may not ask, or what listens is no runtime for Kubernetes
    pid: int | None = None
    said: CriVersion | None = None
    conditions: Mapping[str, tuple[bool, str]] = field(default_factory=dict)
    sandboxes: frozenset[str] | None = None
    listings: int = 0  # whole answers to ListPodSandbox
    ended_ns: int | None = None  # when the last probe did
    _steps: dict[Rung, Step] = field(default_factory=dict)
    _asked: tuple[Rung, int] | None = None
    _silent: bool = False

    def __post_init__(self) -> None:
        self._steps = {
            rung: Step(rung=rung, deadline_seconds=self.deadlines[rung]) for rung in ASKED
        }

    @property
    def climbing(self) -> bool:
        """Whether a probe is under way."""
        return self._asked is not None

    async def climb(self) -> None:
        """One probe, to the first rung that fails."""
        asks: dict[Rung, Callable[[], Awaitable[None]]] = {
            Rung.CONNECT: self._connect,
            Rung.VERSION: self._version,
            Rung.STATUS: self._status,
            Rung.LIST: self._list,
        }
        try:
            for rung, ask in asks.items():
                if not await self._ask(rung, ask):
                    self._forget_above(rung)
                    return
        finally:
            self._asked = None
            self.ended_ns = self.clock.boottime_ns()

    async def _ask(self, rung: Rung, ask: Callable[[], Awaitable[None]]) -> bool:
        begun = self.clock.boottime_ns()
        self._asked, self._silent = (rung, begun), False
        try:
            await ask()
        except SourceAbsent as error:
            if error.absent.absence in _OURS:
                self.blind = error.absent
                return False
            step = self._steps[rung]
            seconds = (self.clock.boottime_ns() - begun) / 1e9
            late = seconds >= step.deadline_seconds
            self._steps[rung] = replace(
                step,
                state=RungState.SILENT if late else RungState.FAILED,
                seconds=seconds,
                detail=error.absent.detail,
                failures=step.failures + 1,
            )
            return False
        if rung is not Rung.CONNECT:  # which says nothing of who answers
            self.blind = None
        step = self._steps[rung]
        seconds = (self.clock.boottime_ns() - begun) / 1e9
        self._steps[rung] = replace(
            step,
            state=RungState.OK,
            seconds=seconds,
            detail="",
            latency=step.latency.plus(seconds),
        )
        return True

    def _forget_above(self, rung: Rung) -> None:
        """What was not asked is not known."""
        for above in ASKED[ASKED.index(rung) + 1 :]:
            self._steps[above] = replace(
                self._steps[above], state=RungState.UNTRIED, seconds=None, detail=""
            )

    async def _connect(self) -> None:
        self.pid = None  # a number is used again: it is known while it listens
        self.pid = await self.connect()

    async def _version(self) -> None:
        self.said = await self.runtime.version()

    async def _status(self) -> None:
        self.conditions = {}
        self.conditions = await self.runtime.conditions()

    async def _list(self) -> None:
        found = await self.runtime.list_sandboxes()
        self.sandboxes = frozenset(sandbox.id for sandbox in found)
        self.listings += 1

    def steps(self) -> tuple[Step, ...]:
        """The rungs as they stand now: the one that is being asked is silent once its deadline has
        passed.
        """
        if self._asked is not None:
            rung, begun = self._asked
            step = self._steps[rung]
            waited = (self.clock.boottime_ns() - begun) / 1e9
            if waited >= step.deadline_seconds:
                silences = step.silences + (not self._silent)
                self._silent = True
                self._steps[rung] = replace(
                    step, state=RungState.SILENT, seconds=waited, detail="", silences=silences
                )
                self._forget_above(rung)
        return tuple(self._steps.values())
