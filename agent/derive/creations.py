"""What is being made of pods, and how far it has come: a fold over looks.

A step is told by what the kernel shows (a cgroup, a plugin that runs, a shim, runc's own process),
and by the runtime's last list where it has answered. What was there before the agent began is not
known to be new: a pod's cgroup without a sandbox may as well be a left-over of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.creation_steps import of_call, of_init, of_shim, pod_of, unattended
from agent.derive.dead_pods import PodLook
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.model.afterlife import RuntimeEntry, RuntimeState
from agent.model.cni import ADD, CNICall
from agent.model.creation import Creation, CreationStep, RuntimeInit
from agent.model.oom import Container
from agent.model.runtime import Shim

SETTLE_NS = 10 * 1_000_000_000
"""The inventory has all that was there by then."""
EXEC_NS = 30 * 1_000_000_000
"""runc's process that comes so long after its cgroup was made for an exec."""
KUBERNETES = "k8s.io"


class CreationLook(Struct, frozen=True, kw_only=True):
    """What is known at one moment."""

    boottime_ns: int
    pods: tuple[PodLook, ...]  # that are there
    calls: tuple[CNICall, ...] = ()  # that run
    shims: tuple[Shim, ...] = ()
    inits: tuple[RuntimeInit, ...] = ()
    sandboxes: frozenset[str] = frozenset()  # in the runtime's last answer
    entries: Mapping[str, RuntimeEntry] = field(default_factory=dict)  # of its last whole list


class Creations(Struct):
    """Which pods have had a sandbox and a container, and when a step was first seen."""

    _begun_ns: int | None = None
    _had_sandbox: set[str] = field(default_factory=set)  # uids of pods
    _had_container: set[str] = field(default_factory=set)
    _made: set[str] = field(default_factory=set)  # sandboxes that have run, by id
    _created_ns: dict[str, int] = field(default_factory=dict)  # containers in state CREATED

    def take(self, look: CreationLook) -> tuple[Creation, ...]:
        """One look; the oldest first."""
        if self._begun_ns is None:
            self._begun_ns = look.boottime_ns
        records = {r.names.id: r for pod in look.pods for r in pod.containers if r.names.id}
        inits = {
            init.container_id: init
            for init in look.inits
            if _is_first(init, records.get(init.container_id), look.entries)
        }
        self._learn(look, records, inits)
        firsts = {pod.pod.names.pod_uid: pod.pod.first_seen_ns for pod in look.pods}
        found = [*self._sandboxes(look, records, inits, firsts)]
        found += self._containers(look, records, inits)
        return tuple(sorted(found, key=lambda each: each.begun_boottime_ns))

    def _learn(
        self,
        look: CreationLook,
        records: Mapping[str, ContainerRecord],
        inits: Mapping[str, RuntimeInit],
    ) -> None:
        there = {pod.pod.names.pod_uid for pod in look.pods}
        made = {r for r, record in records.items() if r not in inits and record.alive}
        self._made = ((self._made | made) & {s.sandbox_id for s in look.shims}) | look.sandboxes
        for pod in look.pods:
            for record in pod.containers:
                container = record.kind is ContainerKind.CONTAINER
                if container or record.names.id not in inits:
                    self._had_sandbox.add(pod.pod.names.pod_uid)
                if container:
                    self._had_container.add(pod.pod.names.pod_uid)
        for entry in look.entries.values():
            self._had_sandbox.add(entry.names.pod_uid)
            if not entry.sandbox:
                self._had_container.add(entry.names.pod_uid)
        self._had_sandbox &= there
        self._had_container &= there

    # Sandboxes

    def _sandboxes(
        self,
        look: CreationLook,
        records: Mapping[str, ContainerRecord],
        inits: Mapping[str, RuntimeInit],
        firsts: Mapping[str, int],
    ) -> Iterator[Creation]:
        """Of each pod the step that is furthest."""
        told: set[str] = set()
        for each in self._begun(look, records, inits):
            key = each.names.pod_uid or each.names.id
            if key in told:
                continue
            told.add(key)
            first = firsts.get(each.names.pod_uid)
            if first is None or each.names.pod_uid in self._had_sandbox:
                yield each
            else:
                yield replace(each, begun_boottime_ns=min(first, each.since_boottime_ns))
        assert self._begun_ns is not None
        for pod in look.pods:
            uid, first = pod.pod.names.pod_uid, pod.pod.first_seen_ns
            new = first > self._begun_ns + SETTLE_NS
            if new and uid not in told and uid not in self._had_sandbox:
                yield unattended(CreationStep.PENDING, pod.pod.names, first, sandbox=True)

    def _begun(
        self,
        look: CreationLook,
        records: Mapping[str, ContainerRecord],
        inits: Mapping[str, RuntimeInit],
    ) -> Iterator[Creation]:
        """What somebody works on, the furthest step first."""
        for identity, init in inits.items():
            record = records.get(identity)
            if record is not None and record.kind is ContainerKind.SANDBOX:
                yield of_init(init, pod_of(record.names), sandbox=True)
        for shim in look.shims:
            new = shim.sandbox_id and not shim.orphan and shim.sandbox_id not in self._made
            if new and shim.namespace == KUBERNETES:
                yield of_shim(shim)
        for call in sorted(look.calls, key=lambda call: call.started_boottime_ns):
            if call.running and call.command == ADD and call.delegated_by is None:
                yield of_call(call)

    # Containers

    def _containers(
        self,
        look: CreationLook,
        records: Mapping[str, ContainerRecord],
        inits: Mapping[str, RuntimeInit],
    ) -> Iterator[Creation]:
        for identity, init in inits.items():
            record = records.get(identity)
            if record is None:
                names = Container(pod_uid=init.pod_uid, id=identity)
                yield of_init(init, names, sandbox=False)
            elif record.kind is not ContainerKind.SANDBOX:
                yield of_init(init, record.names, sandbox=False)
        there = {pod.pod.names.pod_uid for pod in look.pods}
        created = {
            identity: entry.names
            for identity, entry in look.entries.items()
            if entry.state is RuntimeState.CREATED
            and not entry.sandbox
            and entry.names.pod_uid in there
            and identity not in records
            and identity not in inits
        }
        self._created_ns = {
            identity: self._created_ns.get(identity, look.boottime_ns) for identity in created
        }
        for identity, names in created.items():
            since = self._created_ns[identity]
            yield unattended(CreationStep.CREATED, names, since, sandbox=False)
        for pod in look.pods:
            waits = _waits_for_images(pod, inits)
            if waits is not None and pod.pod.names.pod_uid not in self._had_container:
                since = waits.first_seen_ns
                yield unattended(CreationStep.IMAGE, pod.pod.names, since, sandbox=False)


def _is_first(
    init: RuntimeInit, record: ContainerRecord | None, entries: Mapping[str, RuntimeEntry]
) -> bool:
    """Whether it makes the container, and not a process more in one that runs, as exec does."""
    entry = entries.get(init.container_id)
    if entry is not None and not entry.sandbox and entry.state is not RuntimeState.CREATED:
        return False
    if record is None:
        return True
    if record.init_pid not in (None, init.task.pid):
        return False
    return init.task.start_boottime_ns - record.first_seen_ns < EXEC_NS


def _waits_for_images(pod: PodLook, inits: Mapping[str, RuntimeInit]) -> ContainerRecord | None:
    """Its sandbox, if that runs and there is nothing else."""
    if any(record.kind is not ContainerKind.SANDBOX for record in pod.containers):
        return None
    alive = (r for r in pod.containers if r.alive and r.names.id not in inits)
    return next(alive, None)
