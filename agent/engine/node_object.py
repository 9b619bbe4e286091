"""What the API server believes of this node: one question every few seconds, in a worker of its
own that can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.api_server import NodeReader
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.kubelet import NodeBelief

NODE_OBJECT = "node-object"
PATIENCE = 4
"""A worker is left behind after so many deadlines: one is for connecting and both answers, and is
kept by the reader; the rest is for the files and for the CPU that TLS takes.
"""
UNFINISHED = "the agent itself has failed at it: see the source node-object"


class NodeObjectWatch(Struct, kw_only=True):
    """Owns the worker and the last answer; None while it is not known."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    reader: Callable[[], NodeReader]  # raises SourceAbsent
    interval_seconds: float
    deadline_seconds: float
    belief: NodeBelief | None = None
    unknown: str = "not asked yet"  # why it is not known
    _answers: int = 0

    async def run(self) -> None:
        """Ask for ever, until cancelled."""
        while True:
            await self.guard.round(NODE_OBJECT, self.look())
            await asyncio.sleep(self.interval_seconds)

    async def look(self) -> None:
        """One question. However it ends, what was believed before it is not what is believed."""
        belief, unknown = None, UNFINISHED
        try:
            belief, unknown = await self._ask(), ""
        except SourceAbsent as error:
            unknown = self._absent(error.absent)
        except (Abandoned, TooManyAbandoned) as error:
            unknown = self._absent(Absent(absence=Absence.FAILED, detail=str(error)))
        finally:
            self.belief, self.unknown = belief, unknown
        if belief is not None:
            self._answers += 1
            self.board.up(NODE_OBJECT)
            self.board.count(NODE_OBJECT, self._answers)

    async def _ask(self) -> NodeBelief:
        now, wall = self.clock.boottime_ns(), self.clock.wall_ns()
        reader = self.reader()
        node, lease, problem = await self.workers.run(
            reader.read, deadline_seconds=PATIENCE * self.deadline_seconds, key=NODE_OBJECT
        )
        return NodeBelief(
            boottime_ns=now,
            wall_ns=wall,
            address=reader.door.address,
            node=node,
            lease=lease,
            lease_problem=problem,
        )

    def _absent(self, absent: Absent) -> str:
        self.board.absent(NODE_OBJECT, absent)
        return absent.detail
