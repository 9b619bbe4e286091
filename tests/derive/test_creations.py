"""agent.derive.creations and agent.derive.shim_threads."""

from __future__ import annotations

from msgspec.structs import replace

from agent.derive.creations import EXEC_NS, SETTLE_NS, CreationLook, Creations
from agent.derive.dead_pods import PodLook
from agent.derive.shim_threads import with_blocked
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.afterlife import RuntimeEntry, RuntimeState, Task
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.cgroup import CgroupId, CgroupLevel, CgroupPlace
from agent.model.cni import CallWait, CNICall
from agent.model.creation import Creation, CreationStep, RuntimeInit
from agent.model.oom import Container
from agent.model.runtime import ProcessKey, Shim

S = 1_000_000_000
BORN = 100 * S
NOW = 200 * S
WEB = Container(namespace="shop", pod="web", pod_uid="u1")
SANDBOX, APP = "5" * 64, "a" * 64


def pod(*containers: ContainerRecord, first_seen_ns: int = BORN) -> PodLook:
    return PodLook(pod=PodRecord(names=WEB, first_seen_ns=first_seen_ns), containers=containers)


def record(
    identity: str,
    kind: ContainerKind = ContainerKind.SANDBOX,
    *,
    init: int | None = None,
    died_ns: int | None = None,
) -> ContainerRecord:
    name = "POD" if kind is ContainerKind.SANDBOX else "app"
    return ContainerRecord(
        id=CgroupId(hierarchy="v2", inode=int(identity[0], 16)),
        place=CgroupPlace(path=f"/{identity}", level=CgroupLevel.CONTAINER),
        names=replace(WEB, id=identity, name=name),
        kind=kind,
        init_pid=init,
        first_seen_ns=BORN + 5 * S,
        died_ns=died_ns,
    )


def init(identity: str, *, started_ns: int = BORN + 5 * S) -> RuntimeInit:
    task = Task(
        pid=70,
        tid=70,
        comm="runc:[2:INIT]",
        state="D",
        start_boottime_ns=started_ns,
        wchan="io_schedule",
    )
    return RuntimeInit(task=task, container_id=identity, pod_uid="u1")


def entry(identity: str, state: RuntimeState, *, sandbox: bool = False) -> RuntimeEntry:
    names = replace(WEB, id=identity, name="POD" if sandbox else "app")
    return RuntimeEntry(names=names, sandbox=sandbox, state=state)


SHIM = Shim(
    key=ProcessKey(pid=60, start_boottime_ns=BORN + 4 * S),
    state="S",
    namespace="k8s.io",
    sandbox_id=SANDBOX,
    pod=replace(WEB, id=SANDBOX),
)
CALL = CNICall(
    pid=50,
    start_boottime_ns=BORN + S,
    plugin="/opt/cni/bin/bridge",
    started_boottime_ns=BORN + S,
    parent_pid=998,
    command="ADD",
    container_id=SANDBOX,
    pod=WEB,
    wait=CallWait(boottime_ns=NOW, state="S", wchan="flock_lock_inode_wait"),
)


class Fold:
    """One that has looked for long, as the first look of most tests."""

    def __init__(self, begun_ns: int = S) -> None:
        self.fold = Creations()
        self.fold.take(CreationLook(boottime_ns=begun_ns, pods=()))

    def take(self, *pods: PodLook, **seen: object) -> tuple[Creation, ...]:
        look = CreationLook(boottime_ns=NOW, pods=pods)
        return self.fold.take(replace(look, **seen))


def told(found: tuple[Creation, ...]) -> list[tuple[CreationStep, bool, str]]:
    return [(each.step, each.sandbox, each.names.id) for each in found]


def test_each_step_of_a_pod() -> None:
    """From its cgroup to its first container, one after the other; all of it began with the cgroup
    until the sandbox is there.
    """
    fold = Fold()
    (found,) = fold.take(pod())
    assert (found.step, found.since_boottime_ns) == (CreationStep.PENDING, BORN)
    assert (found.names.pod, found.sandbox, found.pid) == ("web", True, None)

    (found,) = fold.take(pod(), calls=(CALL,))
    assert (found.step, found.sandbox, found.pid) == (CreationStep.NETWORK, True, 50)
    assert (found.comm, found.state, found.wchan) == ("bridge", "S", "flock_lock_inode_wait")
    assert (found.begun_boottime_ns, found.since_boottime_ns) == (BORN, BORN + S)

    (found,) = fold.take(pod(), shims=(SHIM,))
    assert (found.step, found.pid) == (CreationStep.SANDBOX, 60)
    assert (found.begun_boottime_ns, found.since_boottime_ns) == (BORN, BORN + 4 * S)

    (found,) = fold.take(pod(record(SANDBOX)), shims=(SHIM,), inits=(init(SANDBOX),))
    assert (found.step, found.sandbox, found.names.name) == (CreationStep.INIT, True, "")
    assert (found.begun_boottime_ns, found.wchan) == (BORN, "io_schedule")

    (found,) = fold.take(pod(record(SANDBOX)), shims=(SHIM,))
    assert (found.step, found.sandbox) == (CreationStep.IMAGE, False)
    assert found.begun_boottime_ns == BORN + 5 * S

    entries = {
        SANDBOX: entry(SANDBOX, RuntimeState.RUNNING, sandbox=True),
        APP: entry(APP, RuntimeState.CREATED),
    }
    (found,) = fold.take(pod(record(SANDBOX)), shims=(SHIM,), entries=entries)
    assert (found.step, found.names.name, found.since_boottime_ns) == (
        CreationStep.CREATED,
        "app",
        NOW,
    )
    both = (record(SANDBOX), record(APP, ContainerKind.CONTAINER))
    (found,) = fold.take(pod(*both), entries=entries, inits=(init(APP),))
    assert (found.step, found.names.name, found.sandbox) == (CreationStep.INIT, "app", False)
    assert fold.take(pod(*both), entries=entries) == ()
    assert fold.take(pod(record(SANDBOX)), entries=entries)[0].step is CreationStep.CREATED


def test_of_a_pod_the_furthest_step() -> None:
    """While a shim starts, its call is history; a second sandbox of a pod is as old as itself."""
    fold = Fold()
    seen = {"shims": (SHIM,), "calls": (CALL,)}
    assert told(fold.take(pod(), **seen)) == [(CreationStep.SANDBOX, True, SANDBOX)]
    died = record("b" * 64, died_ns=BORN + 8 * S)
    (found,) = fold.take(pod(died), calls=(CALL,))
    assert found.begun_boottime_ns == found.since_boottime_ns == BORN + S


def test_what_is_no_creation() -> None:
    """Orphans, shims of others, those of sandboxes that ran once; DELs and plugins of plugins."""
    fold = Fold()
    others = (
        replace(SHIM, orphan=True),
        replace(SHIM, namespace="moby"),
        replace(SHIM, sandbox_id=""),
    )
    calls = (replace(CALL, command="DEL"), replace(CALL, delegated_by=49))
    served = pod(record(SANDBOX), record(APP, ContainerKind.CONTAINER))
    assert fold.take(served, shims=others, calls=calls) == ()
    assert fold.take(served, shims=(SHIM,)) == ()
    gone = pod(record(SANDBOX, died_ns=NOW), record(APP, ContainerKind.CONTAINER))
    assert fold.take(gone, shims=(SHIM,)) == ()
    assert Fold().take(shims=(SHIM,), sandboxes=frozenset((SANDBOX,))) == ()
    assert told(Fold().take(shims=(SHIM,))) == [(CreationStep.SANDBOX, True, SANDBOX)]


def test_before_the_agent() -> None:
    """A pod's cgroup that was there may be a left-over; what somebody works on is not."""
    fold = Fold(begun_ns=BORN - SETTLE_NS)
    assert fold.take(pod()) == ()
    assert told(fold.take(pod(), calls=(CALL,))) == [(CreationStep.NETWORK, True, "")]


def test_exec_is_no_creation() -> None:
    """runc makes a process for an exec as well: the runtime says RUNNING, the container has an
    init, or the cgroup is old.
    """
    made = record(APP, ContainerKind.CONTAINER)
    running = {APP: entry(APP, RuntimeState.RUNNING)}
    assert Fold().take(pod(made), inits=(init(APP),), entries=running) == ()
    assert Fold().take(pod(replace(made, init_pid=71)), inits=(init(APP),)) == ()
    late = init(APP, started_ns=made.first_seen_ns + EXEC_NS)
    assert Fold().take(pod(made), inits=(late,)) == ()
    first = Fold().take(pod(replace(made, init_pid=70)), inits=(init(APP),))
    assert [each.step for each in first] == [CreationStep.INIT]
    unknown = Fold().take(pod(record(SANDBOX)), inits=(init(APP),))
    assert (CreationStep.INIT, False, APP) in told(unknown)


def test_shims_with_blocked_threads() -> None:
    """Threads that have waited for too long, of the very process."""
    young = Task(
        pid=60,
        tid=61,
        comm="containerd-shim",
        state="D",
        start_boottime_ns=BORN + 4 * S,
        since_boottime_ns=NOW - S,
    )
    old = replace(young, tid=62, since_boottime_ns=NOW - 30 * S)
    former = replace(old, tid=63, start_boottime_ns=BORN)
    report = BlockedReport(
        boottime_ns=NOW,
        wall_ns=1,
        looked_boottime_ns=NOW,
        blocked_after_seconds=10.0,
        tasks=tuple(BlockedTask(task=task, switches=1) for task in (former, old, young)),
    )
    well = replace(SHIM, key=replace(SHIM.key, pid=59))
    found = with_blocked((well, SHIM), report)
    assert [shim.blocked for shim in found] == [(), (old,)]
    assert with_blocked((SHIM,), None) == (SHIM,)
