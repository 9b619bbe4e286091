"""Which block devices lie beneath a file, from its device's number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.model.disks import DiskState


def disk_chain(device: str, disks: Iterable[DiskState]) -> Iterator[DiskState]:
    """The device, or the one that it is a partition of, and all that lie beneath. What lies on a
    partition, as LVM does as a rule, lies on the disk that it is of.
    """
    known = tuple(disks)
    waiting = [s for s in known if device == s.disk.id or device in s.disk.part_ids]
    by_name = {name: s for s in known for name in (s.disk.name, *s.disk.part_names)}
    seen = set()
    while waiting:
        state = waiting.pop(0)
        if state.disk.name not in seen:
            seen.add(state.disk.name)
            yield state
            waiting += [by_name[name] for name in state.disk.beneath if name in by_name]
