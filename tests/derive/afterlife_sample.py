"""A node with one pod, whose cgroups and whose runtime say what they are told to."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from agent.derive.afterlife import AfterlifeFold, Look
from agent.derive.dead_pods import PodLook
from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.model.afterlife import (
    Afterlife,
    Kill,
    Life,
    RuntimeEntry,
    RuntimeState,
    RuntimeView,
    TaskList,
)
from agent.model.cgroup import CgroupId
from agent.model.oom import Container
from agent.model.process import ProcessCapture
from agent.parse.cgroup_path import place

SECOND = 10**9
UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
POD = f"/kubepods/burstable/pod{UID}"
SANDBOX, MAIN, SIDE = "0" * 64, "a" * 64, "b" * 64


@dataclass
class World:
    """`look` and `ask` take their time from `now`."""

    now: int = 100 * SECOND
    inventory: Inventory = field(default_factory=lambda: Inventory("v2"))
    fold: AfterlifeFold = field(default_factory=AfterlifeFold)
    lives: dict[CgroupId, Life] = field(default_factory=dict)
    entries: dict[str, RuntimeEntry] = field(default_factory=dict)
    kills: dict[CgroupId, Kill] = field(default_factory=dict)
    inits: dict[int, ProcessCapture] = field(default_factory=dict)
    exits: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    tasks: dict[CgroupId, TaskList] = field(default_factory=dict)
    last: Look | None = None

    def pod(self) -> None:
        self.inventory.appeared(place(POD), 2, self.now)

    def cgroup(
        self, key: str, inode: int, kind: ContainerKind = ContainerKind.CONTAINER
    ) -> ContainerRecord:
        """A container with a live process; the runtime does not know it yet."""
        record = self.inventory.appeared(place(f"{POD}/{key}"), inode, self.now)
        assert record is not None
        named = self.inventory.named(record.id, names(key), kind)
        self.lives[record.id] = Life(populated=True, frozen=False)
        return named or record

    def listed(
        self,
        key: str,
        state: RuntimeState = RuntimeState.RUNNING,
        *,
        sandbox: bool = False,
        attempt: int = 0,
        name: str = "",
    ) -> None:
        who = replace(names(key), name=name) if name else names(key)
        self.entries[key] = RuntimeEntry(names=who, sandbox=sandbox, state=state, attempt=attempt)

    def empty(self, record: ContainerRecord) -> None:
        self.lives[record.id] = Life(populated=False, frozen=False)

    def remove(self, record: ContainerRecord) -> None:
        self.inventory.vanished(record.place.path, record.id.inode, self.now)
        del self.lives[record.id]

    def look(self, seconds: float = 5) -> Afterlife:
        """Time passes, then everything is read."""
        self.now += int(seconds * SECOND)
        self.last = Look(
            boottime_ns=self.now,
            records=tuple(self.inventory.alive()),
            lives=dict(self.lives),
            pods=tuple(
                PodLook(pod=pod, containers=self.inventory.in_pod(pod.names.pod_uid))
                for pod in self.inventory.alive_pods()
            ),
            kills=dict(self.kills),
        )
        self.fold.observe(self.last)
        return self.report()

    def ask(self, seconds: float = 5, *, silent: bool = False) -> Afterlife:
        """The same, and then the runtime is asked."""
        self.look(seconds)
        assert self.last is not None
        view = RuntimeView(asked_boottime_ns=self.now, entries=dict(self.entries))
        found = map(self.inventory.by_container_id, self.entries)
        self.fold.answered(
            None if silent else view, self.last, [record for record in found if record is not None]
        )
        return self.report()

    def report(self) -> Afterlife:
        return self.fold.report(self.now, tasks=self.tasks, inits=self.inits, exits=self.exits)


def names(key: str) -> Container:
    name = {SANDBOX: "POD", MAIN: "main", SIDE: "side"}.get(key, "")
    return Container(
        namespace="default", pod="api-1", pod_uid=UID, name=name, id=key, names_from="cri"
    )


def with_init(world: World, record: ContainerRecord, pid: int) -> ContainerRecord:
    return world.inventory.init_found(record.id, pid, SECOND) or replace(record, init_pid=pid)
