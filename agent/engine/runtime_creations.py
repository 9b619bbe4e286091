"""What is being made, put together of what others know: nothing is read and nobody is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from agent.derive.creations import CreationLook, Creations
from agent.derive.dead_pods import PodLook
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.runtime_view import runtime_view
from agent.model.afterlife import RuntimeEntry
from agent.model.cni import CNICall
from agent.model.creation import Creation, RuntimeInit
from agent.model.runtime import Shim


class CreationSight(Struct, kw_only=True):
    """Owns the fold."""

    inventory: Inventory
    calls: Callable[[], tuple[CNICall, ...]]  # of CNI plugins that run
    listing: Callable[[], Listing | None]  # the runtime's last list, whoever asked for it
    stalled_after: float
    _fold: Creations = field(default_factory=Creations)
    _listing: Listing | None = None
    _entries: Mapping[str, RuntimeEntry] = field(default_factory=dict)

    def look(
        self,
        now_ns: int,
        shims: tuple[Shim, ...],
        inits: tuple[RuntimeInit, ...],
        sandboxes: frozenset[str] | None,
    ) -> tuple[Creation, ...]:
        """One look; `sandboxes` are those of the runtime's last answer."""
        listing = self.listing()
        if listing is not self._listing:
            self._listing = listing
            self._entries = {} if listing is None else runtime_view(listing, now_ns).entries
        return self._fold.take(
            CreationLook(
                boottime_ns=now_ns,
                pods=tuple(
                    PodLook(pod=pod, containers=self.inventory.in_pod(pod.names.pod_uid))
                    for pod in self.inventory.alive_pods()
                ),
                calls=self.calls(),
                shims=shims,
                inits=inits,
                sandboxes=sandboxes or frozenset(),
                entries=self._entries,
            )
        )
