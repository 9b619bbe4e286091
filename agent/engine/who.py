"""Who is who, as the ledger asks it."""

from __future__ import annotations

from agent.inventory.containers import Inventory
from agent.model.cgroup import CgroupPlace
from agent.model.oom import Container


class Who:
    """The ledger's directory: the inventory, the recently dead included."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def names(self, place: CgroupPlace) -> Container | None:
        """The container, or only the pod, at this place; None outside pods."""
        return self._inventory.names_of(place)

    def init_pid(self, place: CgroupPlace) -> int | None:
        """The pid of the container's init; None if it was never seen."""
        record = self._inventory.by_path(place.container_path) if place.container_path else None
        return None if record is None else record.init_pid
