"""The kubelet's healthz: one question at a time.

A deadline judges and does not cancel, as on the runtime's ladder: a kubelet that is late is asked
no second time, and its answer, when it comes, tells how late it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.model.kubelet import HealthAnswer, Healthz
from agent.model.runtime import RungState

ABANDON_SECONDS = 120.0


class HealthzProbe(Struct, kw_only=True):
    """Owns the one question, and what the last answers were."""

    clock: Clock
    ask: Callable[[str, int], Awaitable[HealthAnswer]]  # raises SourceAbsent
    deadline_seconds: float
    ended_ns: int | None = None  # when the last question did
    _now: Healthz | None = None
    _asked_ns: int | None = None
    _silent: bool = False

    @property
    def asking(self) -> bool:
        """Whether a question is open."""
        return self._asked_ns is not None

    async def run(self, address: str, port: int) -> None:
        """One question, until it is answered or given up."""
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        now = self._now or Healthz(address=where, deadline_seconds=self.deadline_seconds)
        self._now = replace(now, address=where)
        self._asked_ns, self._silent = self.clock.boottime_ns(), False
        try:
            async with asyncio.timeout(ABANDON_SECONDS):
                answer = await self.ask(address, port)
        except TimeoutError:
            self._ends(RungState.SILENT, None, "")
        except SourceAbsent as error:
            self._ends(RungState.FAILED, None, error.absent.detail)
        else:
            state = RungState.OK if answer.well else RungState.FAILED
            self._ends(state, answer.status, answer.text)
        finally:
            self._asked_ns, self.ended_ns = None, self.clock.boottime_ns()

    def _ends(self, state: RungState, status: int | None, detail: str) -> None:
        assert self._now is not None
        assert self._asked_ns is not None
        seconds = (self.clock.boottime_ns() - self._asked_ns) / 1e9
        was = self.standing() or self._now
        answered = status is not None
        self._now = replace(
            was,
            state=state,
            seconds=seconds,
            status=status,
            detail=detail,
            latency=was.latency.plus(seconds) if answered else was.latency,
            failures=was.failures + (state is RungState.FAILED),
        )

    def standing(self) -> Healthz | None:
        """As it stands now: silent once its deadline has passed. None: it was never asked."""
        if self._now is not None and self._asked_ns is not None:
            waited = (self.clock.boottime_ns() - self._asked_ns) / 1e9
            if waited >= self.deadline_seconds:
                self._now = replace(
                    self._now,
                    state=RungState.SILENT,
                    seconds=waited,
                    status=None,
                    detail="",
                    silences=self._now.silences + (not self._silent),
                )
                self._silent = True
        return self._now
