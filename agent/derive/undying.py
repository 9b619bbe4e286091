"""Containers that were asked to die and did not: since when, and how long each task waits.

Asked: a SIGKILL was sent to a process of theirs that lives (kill(2), cgroup.kill and the OOM killer
alike), or the runtime says that they have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from agent.inventory.records import ContainerRecord
from agent.model.afterlife import (
    Kill,
    Life,
    RuntimeState,
    RuntimeView,
    Task,
    TaskList,
    Undying,
)
from agent.model.cgroup import CgroupId

AFTER_NS = 10 * 10**9
"""A process that is not held in the kernel is gone in milliseconds after SIGKILL, one that must
give back very much memory on a busy node in seconds.
"""

_Seen = tuple[int, int]  # (tid, start)


class TaskBook(Struct):
    """Since when each task of a container is in its state, in its function of the kernel."""

    _since: dict[CgroupId, dict[_Seen, tuple[str, str, int]]] = field(default_factory=dict)

    def observe(self, now_ns: int, lists: Mapping[CgroupId, TaskList]) -> dict[CgroupId, TaskList]:
        """The same lists with `since_boottime_ns`; what is in none of them is forgotten."""
        found, since = {}, {}
        for key, tasks in lists.items():
            before = self._since.get(key, {})
            here: dict[_Seen, tuple[str, str, int]] = {}
            for task in tasks.tasks:
                which = task.tid, task.start_boottime_ns
                state, wchan, when = before.get(which, ("", "", now_ns))
                same = (state, wchan) == (task.state, task.wchan)
                here[which] = task.state, task.wchan, when if same else now_ns
            found[key] = replace(tasks, tasks=tuple(_dated(task, here) for task in tasks.tasks))
            since[key] = here
        self._since = since
        return found


def _dated(task: Task, since: Mapping[_Seen, tuple[str, str, int]]) -> Task:
    return replace(task, since_boottime_ns=since[task.tid, task.start_boottime_ns][2])


class UndyingOnes(Struct):
    """By cgroup; one claim each, from the time of the first request to die."""

    _asked: dict[CgroupId, Undying] = field(default_factory=dict)

    def observe(
        self,
        now_ns: int,
        records: Iterable[ContainerRecord],
        lives: Mapping[CgroupId, Life],
        kills: Mapping[CgroupId, Kill],
        view: RuntimeView | None,
    ) -> None:
        """`kills`: the first SIGKILL to a process of each container that lives still."""
        asked: dict[CgroupId, Undying] = {}
        for record in records:
            life = lives.get(record.id)
            if life is None or life.populated is False:
                continue
            kill = kills.get(record.id)
            exited = life.populated is True and _says_exited(view, record.place.container_id)
            before = self._asked.get(record.id)
            if view is None and before is not None:
                exited = before.runtime_says_exited  # silent: what it said last stands
            if kill is None and not exited:
                continue
            since = now_ns if before is None else before.since_boottime_ns
            asked[record.id] = Undying(
                container=record.names,
                cgroup=record.place.path,
                since_boottime_ns=since if kill is None else min(since, kill.boottime_ns),
                kill=kill,
                runtime_says_exited=exited,
                frozen=life.frozen is True,
            )
        self._asked = asked

    @property
    def suspicious(self) -> bool:
        """Whether somebody was asked to die and lives still."""
        return bool(self._asked)

    def claimed(self, now_ns: int) -> dict[CgroupId, Undying]:
        """Those that remain for longer than any death takes."""
        return {
            key: undying
            for key, undying in self._asked.items()
            if now_ns - undying.since_boottime_ns >= AFTER_NS
        }


def _says_exited(view: RuntimeView | None, container_id: str) -> bool:
    entry = None if view is None else view.entries.get(container_id)
    return entry is not None and entry.state is RuntimeState.EXITED
