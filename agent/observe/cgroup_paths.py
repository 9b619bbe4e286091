"""The paths of the cgroups that are followed, by inode, the dead included for a while.

A kernfs id is not given out again while the node is up (32 bits of number, 32 of generation), so a
dead cgroup's path stays true for as long as we care to keep it.
"""

from __future__ import annotations

from collections import OrderedDict

KEPT_DEAD = 4096


class CgroupPaths:
    """Filled by the cgroup watcher, asked by whoever has only an inode."""

    def __init__(self, kept_dead: int = KEPT_DEAD) -> None:
        self._kept_dead = kept_dead
        self._live: dict[int, str] = {}
        self._dead: OrderedDict[int, str] = OrderedDict()

    def appeared(self, inode: int, path: str) -> None:
        """It is followed from now on."""
        self._dead.pop(inode, None)
        self._live[inode] = path

    def gone(self, inode: int) -> None:
        """It is followed no more."""
        path = self._live.pop(inode, None)
        if path is None:
            return
        self._dead[inode] = path
        while len(self._dead) > self._kept_dead:
            self._dead.popitem(last=False)

    def path(self, inode: int) -> str | None:
        """None: it was never followed, or is dead and forgotten."""
        return self._live.get(inode) or self._dead.get(inode)
