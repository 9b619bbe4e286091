"""Shims: whose each is, which the runtime does not know, and which are stopped."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.engine.runtime_ladder import Ladder
from agent.host.absence import SourceAbsent
from agent.host.runtime_process import RuntimeProcesses
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import ParseError
from agent.model.oom import Container
from agent.model.runtime import ProcessKey, Shim

NAMESPACE = "k8s.io"
"""Where containerd keeps what Kubernetes asked for; shims of others (moby) are not judged."""
YOUNG_SECONDS = 20.0
"""A sandbox that is being made may not be in the list yet."""
MAKING_SECONDS = 300.0
"""For longer no runtime works on a sandbox that does not get up."""
FLAGS_SECONDS = 2.0
MAX_NEW = 64
"""Shims whose command line is read in one look."""
MISSING_LISTINGS = 2


class Shims(Struct, kw_only=True):
    """The shims that there are, and how often the runtime did not know each."""

    processes: RuntimeProcesses
    workers: Workers
    is_container: Callable[[str], bool]  # whether the id is of a container: an old runtime's shim
    pod: Callable[[str], Container | None]  # of a sandbox, by its id
    had_cgroup: Callable[[str], bool]  # whether a sandbox has come so far
    young_seconds: float = YOUNG_SECONDS
    known: tuple[Shim, ...] | None = None
    _missing: dict[ProcessKey, tuple[int, int]] = field(default_factory=dict)  # listing, how many

    async def take(
        self,
        found: tuple[Shim, ...],
        ladder: Ladder,
        now_ns: int,
        making: frozenset[str] = frozenset(),
    ) -> None:
        """One whole look at the processes; in the sandboxes `making` runc's own still waits."""
        before = {shim.key: shim for shim in self.known or ()}
        shims = []
        new = 0
        for seen in found:
            shim = before.get(seen.key)
            if shim is None and new < MAX_NEW:
                new += 1
                shim = await self._learn(seen)
            if shim is not None:
                orphan = self._orphan(shim, ladder, now_ns, making)
                pod = self.pod(shim.sandbox_id) if shim.sandbox_id else None
                shims.append(replace(shim, state=seen.state, orphan=orphan, pod=pod or shim.pod))
        there = {shim.key for shim in shims}
        self._missing = {key: told for key, told in self._missing.items() if key in there}
        self.known = tuple(sorted(shims, key=lambda shim: shim.key.start_boottime_ns))

    def _orphan(self, shim: Shim, ladder: Ladder, now_ns: int, making: frozenset[str]) -> bool:
        """Whether whole answers of the runtime, one after the other, did not have its sandbox."""
        made = shim.sandbox_id not in making and self.had_cgroup(shim.sandbox_id)
        grace = self.young_seconds if made else MAKING_SECONDS
        young = now_ns - shim.key.start_boottime_ns < grace * 1e9
        judged = shim.namespace == NAMESPACE and not self.is_container(shim.sandbox_id)
        listed = ladder.sandboxes
        if listed is None or young or not judged or shim.sandbox_id in listed:
            self._missing.pop(shim.key, None)
            return False
        last, times = self._missing.get(shim.key, (0, 0))
        if ladder.listings > last:
            last, times = ladder.listings, times + 1
            self._missing[shim.key] = last, times
        return times >= MISSING_LISTINGS

    async def _learn(self, shim: Shim) -> Shim:
        try:
            flags = await self.workers.run(
                self.processes.shim_flags, shim.key.pid, deadline_seconds=FLAGS_SECONDS
            )
        except (Abandoned, TooManyAbandoned) as error:
            return replace(shim, unread=f"reading its command line hangs: {error}")
        except SourceAbsent as error:
            return replace(shim, unread=error.absent.detail)
        except ParseError as error:
            return replace(shim, unread=str(error))
        return replace(shim, namespace=flags.namespace, sandbox_id=flags.id)
