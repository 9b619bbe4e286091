"""Since when tasks in state D have not run: a pure fold over looks at them.

A task that is found in state D at two looks may have run in between; one that has not left a CPU
in between has not. But who waits for a block device is woken once a minute and waits on, for the
sake of the kernel's own watch over tasks that hang (blk_io_schedule, half of the 120 s that
kernel.hung_task_timeout_secs is): so many switches at the same place are still one wait.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.model.blocked import BlockedTask

WAKE_NS = 60 * 1_000_000_000

_Key = tuple[int, int, int]


class BlockedSince(Struct):
    """What the last look knew of each: its stack and its mounts stay while it does not run."""

    _known: dict[_Key, BlockedTask] = field(default_factory=dict)

    def take(self, found: Iterable[BlockedTask], now_ns: int) -> tuple[BlockedTask, ...]:
        """One look; the longest first."""
        former, self._known = self._known, {}
        for blocked in found:
            key = _key(blocked)
            last = former.get(key)
            if last is not None and _the_same(last, blocked, now_ns):
                task = replace(
                    blocked.task,
                    since_boottime_ns=last.task.since_boottime_ns,
                    stack=last.task.stack,
                    unread=last.task.unread,
                )
                # The switches stay those of when the wait was found.
                blocked = replace(
                    blocked,
                    task=task,
                    switches=last.switches,
                    devices=last.devices,
                    opened=last.opened,
                )
            else:
                blocked = replace(blocked, task=replace(blocked.task, since_boottime_ns=now_ns))
            self._known[key] = blocked
        return self.tasks()

    def learned(self, blocked: BlockedTask) -> None:
        """More of a task that is known."""
        if _key(blocked) in self._known:
            self._known[_key(blocked)] = blocked

    def tasks(self) -> tuple[BlockedTask, ...]:
        """All that are known, the longest first; the kernel's own last."""
        return tuple(sorted(self._known.values(), key=_order))


def _key(blocked: BlockedTask) -> _Key:
    return blocked.task.pid, blocked.task.tid, blocked.task.start_boottime_ns


def _the_same(last: BlockedTask, now: BlockedTask, now_ns: int) -> bool:
    """Whether it is still the wait that began at `last.task.since_boottime_ns`."""
    if last.switches == now.switches is not None:
        return True
    if last.task.wchan != now.task.wchan:
        return False
    if last.switches is None or now.switches is None:
        return True
    assert last.task.since_boottime_ns is not None
    wakes = 1 + (now_ns - last.task.since_boottime_ns) // WAKE_NS
    return 0 <= now.switches - last.switches <= wakes


def _order(blocked: BlockedTask) -> tuple[bool, int, int]:
    return blocked.kernel, blocked.task.since_boottime_ns or 0, blocked.task.tid
