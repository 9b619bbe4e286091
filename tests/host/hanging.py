"""Workers whose deadlines pass for calls that hang, and for no others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from typing import TypeVar, TypeVarTuple

from agent.host.worker import Abandoned, Workers

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

LONG = 60.0  # seconds; no test waits for it


class HangingWorkers(Workers):
    """Who calls `hang` in a thread of theirs is given up at once, and stays until `let_go`."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._here = threading.local()
        self._released = threading.Event()

    def hang(self) -> None:
        self._here.begins()
        self._released.wait()

    def let_go(self) -> None:
        self._released.set()

    async def run(
        self,
        function: Callable[[*Ts], T],
        *args: *Ts,
        deadline_seconds: float,
        key: Hashable = None,
    ) -> T:
        loop, hangs = asyncio.get_running_loop(), asyncio.Event()

        def told() -> T:
            self._here.begins = lambda: loop.call_soon_threadsafe(hangs.set)
            return function(*args)

        call = asyncio.ensure_future(super().run(told, deadline_seconds=LONG, key=key))
        begun = asyncio.ensure_future(hangs.wait())
        await asyncio.wait((call, begun), return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not call.done():
            call.cancel()
            await asyncio.wait((call,))
            raise Abandoned(f"did not return within {deadline_seconds:g} s")
        return call.result()
