"""The fold of all that is left over: one look after the other in, the report out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.dead_pods import DeadPods, PodLook
from agent.derive.ghosts import Ghosts, HollowOnes
from agent.derive.undying import TaskBook, UndyingOnes
from agent.inventory.records import ContainerRecord
from agent.model.afterlife import Afterlife, Kill, Life, RuntimeView, TaskList
from agent.model.cgroup import CgroupId
from agent.model.process import ProcessCapture


class Look(Struct, frozen=True, kw_only=True):
    """What was read in one round."""

    boottime_ns: int
    records: tuple[ContainerRecord, ...]  # containers and sandboxes that are there
    lives: Mapping[CgroupId, Life]
    pods: tuple[PodLook, ...]
    kills: Mapping[CgroupId, Kill] = field(default_factory=dict)


class AfterlifeFold(Struct):
    """Pure; all times are CLOCK_BOOTTIME."""

    _ghosts: Ghosts = field(default_factory=Ghosts)
    _hollow: HollowOnes = field(default_factory=HollowOnes)
    _dead_pods: DeadPods = field(default_factory=DeadPods)
    _undying: UndyingOnes = field(default_factory=UndyingOnes)
    _tasks: TaskBook = field(default_factory=TaskBook)
    _view: RuntimeView | None = None  # the last whole answer
    _answers: bool = False

    def answered(
        self, view: RuntimeView | None, look: Look, known: Iterable[ContainerRecord]
    ) -> None:
        """Hear what the runtime said after `look`; None: it does not answer. `known` has the
        records of the containers in the view, as far as there are any, the recently dead included.
        """
        self._answers = view is not None
        if view is None:
            return
        self._view = view
        self._ghosts.answered(view, look.records)
        self._hollow.answered(
            view,
            _by_container(look),
            {record.place.container_id: record for record in known},
            frozenset(pod.pod.names.pod_uid for pod in look.pods),
        )

    def observe(self, look: Look) -> None:
        """Hear one look."""
        now = look.boottime_ns
        self._ghosts.lives(now, look.records, look.lives)
        self._hollow.lives(_by_container(look))
        self._dead_pods.observe(now, look.pods, look.lives, self._view)
        view = self._view if self._answers else None
        self._undying.observe(now, look.records, look.lives, look.kills, view)

    @property
    def suspicious(self) -> bool:
        """Whether the runtime's next answer matters more than usual."""
        return self._ghosts.suspicious or self._hollow.suspicious

    def wants_tasks(self, now_ns: int) -> dict[CgroupId, str]:
        """The cgroups whose tasks are to be read, with their paths."""
        found = {key: undying.cgroup for key, undying in self._undying.claimed(now_ns).items()}
        found |= {key: ghost.cgroup for key, ghost in self._ghosts.claimed().items()}
        return found

    def wants_inits(self) -> set[int]:
        """The inits that are to be looked for, of containers that have no live process."""
        pids = (hollow.init_pid for hollow in self._hollow.claimed().values())
        return {pid for pid in pids if pid is not None}

    def wants_exits(self, now_ns: int) -> tuple[str, ...]:
        """The ids of the containers whose exit the runtime is to be asked for."""
        dead = self._dead_pods.dead(now_ns, {})
        return tuple(container.names.id for pod in dead for container in pod.containers)

    def report(
        self,
        now_ns: int,
        *,
        tasks: Mapping[CgroupId, TaskList],
        inits: Mapping[int, ProcessCapture],
        exits: Mapping[str, tuple[int | None, str]],
    ) -> Afterlife:
        """All that lasts by now. What needs the runtime's word is left out while it is silent."""
        dated = self._tasks.observe(now_ns, tasks)
        none = TaskList()
        ghosts = self._ghosts.claimed() if self._answers else {}
        hollow = self._hollow.claimed() if self._answers else {}
        return Afterlife(
            boottime_ns=now_ns,
            runtime_answers=self._answers,
            ghosts=tuple(
                replace(ghost, tasks=dated.get(key, none)) for key, ghost in ghosts.items()
            ),
            hollow=tuple(
                replace(each, init_state=init.state, init_cgroup=init.cgroup)
                if each.init_pid is not None and (init := inits.get(each.init_pid)) is not None
                else each
                for each in hollow.values()
            ),
            dead_pods=self._dead_pods.dead(now_ns, exits),
            undying=tuple(
                replace(each, tasks=dated.get(key, none))
                for key, each in self._undying.claimed(now_ns).items()
            ),
        )


def _by_container(look: Look) -> dict[str, Life]:
    """The life of each container by its id; one that could not be read is there, and unknown."""
    return {
        record.place.container_id: look.lives.get(record.id, Life(populated=False))
        for record in look.records
    }
