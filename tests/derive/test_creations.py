"""What is being made, and since when."""

from __future__ import annotations

from agent.derive.creations import creations
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.cgroup import CgroupId
from agent.model.cni import CNICall
from agent.model.oom import Container
from agent.model.runtime import Creation, Made
from agent.parse.cgroup_path import place

S = 1_000_000_000
UID = "8f1c2a34-0000-4000-8000-000000000001"
NAMES = Container(namespace="shop", pod="web-0", pod_uid=UID)
POD = PodRecord(names=NAMES, first_seen_ns=10 * S)


def record(kind: ContainerKind, first: int = 12, died: int | None = None) -> ContainerRecord:
    path = f"/kubepods/pod{UID}/{'4f' * 32}"
    return ContainerRecord(
        id=CgroupId(hierarchy="v2", inode=7),
        place=place(path),
        names=NAMES,
        kind=kind,
        first_seen_ns=first * S,
        died_ns=died,
    )


def call(pod: Container | None = NAMES, command: str = "ADD", started: int = 11) -> CNICall:
    return CNICall(
        pid=512,
        start_boottime_ns=S,
        plugin="/opt/cni/bin/bridge",
        started_boottime_ns=started * S,
        parent_pid=1,
        command=command,
        pod=pod,
    )


def made(what: Made, since: int, plugin: str = "", pod: Container = NAMES) -> Creation:
    pid = 512 if plugin else 0
    return Creation(pod=pod, made=what, since_boottime_ns=since * S, plugin=plugin, plugin_pid=pid)


def test_a_pod_from_its_cgroup_to_its_container() -> None:
    assert creations([(POD, ())], ()) == (made(Made.SANDBOX, 10),)
    assert creations([(POD, ())], [call()]) == (made(Made.SANDBOX, 11, "bridge"),)
    sandbox = record(ContainerKind.SANDBOX)
    assert creations([(POD, [sandbox])], ()) == (made(Made.CONTAINER, 12),)
    assert creations([(POD, [sandbox, record(ContainerKind.CONTAINER)])], ()) == ()
    assert creations([(POD, [sandbox, record(ContainerKind.UNKNOWN)])], ()) == ()


def test_another_sandbox() -> None:
    """The one before it is dead, as are its containers: the call alone tells."""
    dead = [record(ContainerKind.SANDBOX, died=13), record(ContainerKind.CONTAINER, died=13)]
    assert creations([(POD, dead)], ()) == ()
    assert creations([(POD, dead[:1])], ()) == ()
    assert creations([(POD, dead)], [call(started=20)]) == (made(Made.SANDBOX, 20, "bridge"),)


def test_which_calls_count() -> None:
    """The first ADD of a pod; one for a pod without a cgroup too; and no DEL."""
    assert creations([], [call(command="DEL"), call(pod=None)]) == ()
    both = [call(started=15), call(started=16)]
    assert creations([], both) == (made(Made.SANDBOX, 15, "bridge"),)


def test_names_of_the_call() -> None:
    """The runtime has not told them yet; and the oldest comes first."""
    unnamed = PodRecord(names=Container(pod_uid=UID), first_seen_ns=10 * S)
    other = PodRecord(names=Container(pod_uid="other"), first_seen_ns=9 * S)
    assert creations([(unnamed, ()), (other, ())], [call()]) == (
        made(Made.SANDBOX, 9, pod=other.names),
        made(Made.SANDBOX, 11, "bridge"),
    )
