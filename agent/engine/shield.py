"""What the agent does for itself against a lack of memory: once, when all its code is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import Struct

from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.protection import Protection

log = logging.getLogger(__name__)

SECONDS = 10.0


class Shield(Struct, kw_only=True):
    """Owns the list of what was got and what was refused."""

    workers: Workers
    protect: Callable[[], tuple[Protection, ...]] | None  # None: switched off
    taken: tuple[Protection, ...] = ()

    async def begin(self) -> None:
        """Take what can be taken; what is refused is published and stops nobody."""
        if self.protect is None:
            return
        try:
            self.taken = await self.workers.run(self.protect, deadline_seconds=SECONDS)
        except (Abandoned, TooManyAbandoned) as error:
            self.taken = (Protection(name="all", got=False, detail=str(error)),)
        for each in self.taken:
            if not each.got:
                log.info("not protected by %s: %s", each.name, each.detail)
