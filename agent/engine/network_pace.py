"""When the networks are looked at: after each interval, and soon after an interface has changed,
but never for more than a fiftieth of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from msgspec import Struct, field

LEAST_SECONDS = 1.0
"""Between two looks: a network is made in many changes."""
SHARE = 50


class NetworkPace(Struct, kw_only=True):
    """Of one watch."""

    interval: float
    rest_for: Callable[[float], Awaitable[None]] = asyncio.sleep
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        """Something is another than it was."""
        self._changed.set()

    def begun(self) -> None:
        """A look begins: it sees what has changed before."""
        self._changed.clear()

    async def rest(self, took_seconds: float) -> None:
        """Until it is time for the next look."""
        least = min(self.interval, max(LEAST_SECONDS, SHARE * took_seconds))
        await self.rest_for(least)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.interval - least):
                await self._changed.wait()
