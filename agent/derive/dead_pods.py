"""Pods that are there, and in which nothing lives but their sandbox, for some time.

The kernel alone tells it: a runtime that is silent, or a kubelet that is gone, changes nothing. The
runtime's list adds the containers that were dead before the agent came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.afterlife import (
    DeadContainer,
    DeadPod,
    Life,
    RuntimeState,
    RuntimeView,
)
from agent.model.cgroup import CgroupId
from agent.model.oom import Container

AFTER_NS = 30 * 10**9
"""Longer than the kubelet waits before the first two restarts (10 and 20 s): who is dead for longer
is in back-off, or nobody restarts it.
"""


class _Book(Struct):
    since_ns: int
    names: dict[str, Container]  # of its dead containers, by id
    attempts: dict[str, int]  # of those that the runtime has listed


class PodLook(Struct, frozen=True, kw_only=True):
    """What is known of one pod at one moment; `containers` with its dead, sandboxes included."""

    pod: PodRecord
    containers: tuple[ContainerRecord, ...]


class DeadPods(Struct):
    """By pod uid."""

    _books: dict[str, _Book] = field(default_factory=dict)
    _sandbox_alive: dict[str, bool] = field(default_factory=dict)
    _pods: dict[str, PodRecord] = field(default_factory=dict)

    def observe(
        self,
        now_ns: int,
        pods: Iterable[PodLook],
        lives: Mapping[CgroupId, Life],
        view: RuntimeView | None,
    ) -> None:
        """Hear which pods are there, and what lives in them. `view` is the last whole answer."""
        listed = _by_pod(view)
        there: set[str] = set()
        for look in pods:
            uid = look.pod.names.pod_uid
            there.add(uid)
            self._pods[uid] = look.pod
            found = _dead_containers(look, lives, view, listed.get(uid, {}))
            if found is None:
                self._books.pop(uid, None)
                continue
            dead, last_ns, self._sandbox_alive[uid] = found
            book = self._books.get(uid)
            if book is None:
                if not dead:
                    continue
                book = self._books[uid] = _Book(since_ns=last_ns or now_ns, names={}, attempts={})
            book.names.update(dead)
            if view is not None:
                book.attempts |= {k: view.entries[k].attempt for k in dead if k in view.entries}
        for gone in self._pods.keys() - there:
            for each in (self._books, self._sandbox_alive, self._pods):
                each.pop(gone, None)

    def dead(self, now_ns: int, exits: Mapping[str, tuple[int | None, str]]) -> tuple[DeadPod, ...]:
        """Those that are dead for long enough. `exits`: code and word of the runtime by id."""
        return tuple(
            DeadPod(
                pod=self._pods[uid].names,
                since_boottime_ns=book.since_ns,
                sandbox_alive=self._sandbox_alive[uid],
                containers=tuple(
                    DeadContainer(
                        names=names,
                        exit_code=exits.get(key, (None, ""))[0],
                        runtime_says=exits.get(key, (None, ""))[1],
                    )
                    for key, names in _latest(book).items()
                ),
            )
            for uid, book in self._books.items()
            if now_ns - book.since_ns >= AFTER_NS
        )


def _latest(book: _Book) -> dict[str, Container]:
    """Of the attempts of one container the last. One that the runtime has not listed began under
    our eyes, after those that it has.
    """
    order = sorted(book.names, key=lambda key: book.attempts.get(key, math.inf))
    last = {book.names[key].name or key: key for key in order}
    return {key: names for key, names in book.names.items() if key in last.values()}


def _by_pod(view: RuntimeView | None) -> dict[str, dict[str, RuntimeState]]:
    """The states of the containers of each pod, by their ids."""
    found: dict[str, dict[str, RuntimeState]] = {}
    for key, entry in view.entries.items() if view is not None else ():
        if not entry.sandbox and entry.names.pod_uid:
            found.setdefault(entry.names.pod_uid, {})[key] = entry.state
    return found


def _dead_containers(
    look: PodLook,
    lives: Mapping[CgroupId, Life],
    view: RuntimeView | None,
    listed: Mapping[str, RuntimeState],
) -> tuple[dict[str, Container], int, bool] | None:
    """The dead containers, when the last one of them ended as far as we saw (0: before), and
    whether the sandbox lives. None: one lives, or is about to, or that cannot be told.
    """
    for record in look.containers:  # nearly all pods end here
        life = lives.get(record.id)
        if life is not None and life.populated and record.kind is ContainerKind.CONTAINER:
            return None
    known = {record.place.container_id for record in look.containers}
    if RuntimeState.CREATED in listed.values():
        return None
    # What the runtime lists and we never saw was dead before we came, unless it runs elsewhere.
    older = {key: state for key, state in listed.items() if key not in known}
    if any(state is not RuntimeState.EXITED for state in older.values()):
        return None
    dead: dict[str, Container] = {}
    if view is not None:
        dead = {key: replace(view.entries[key].names, id=key) for key in older}
    last_ns, sandbox_alive = 0, False
    for record in look.containers:
        key = record.place.container_id
        populated = lives[record.id].populated if record.id in lives else False
        entry = None if view is None else view.entries.get(key)
        sandbox = record.kind is ContainerKind.SANDBOX or (entry is not None and entry.sandbox)
        if sandbox:
            sandbox_alive = sandbox_alive or populated is True
        elif populated is not False:
            return None
        elif record.kind is ContainerKind.CONTAINER or entry is not None:
            dead[key] = record.names
            last_ns = max(last_ns, record.died_ns or 0)
    return dead, last_ns, sandbox_alive
