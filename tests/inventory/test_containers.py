"""agent.inventory.containers and agent.inventory.pods: who is who, and who was."""

import pytest
from msgspec.structs import replace

from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.model.cgroup import CgroupId
from agent.model.oom import Container
from agent.parse.cgroup_path import place

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
OTHER_UID = "1e6c3ddd-935d-44be-ac0b-1df537489e4e"
A, B, C = "a" * 64, "b" * 64, "c" * 64
POD = f"/kubepods/burstable/pod{UID}"
SYSTEMD_POD = (
    f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice"
)
MISMATCH = f"/system.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice:cri-containerd:{A}"
NAMED = Container(
    namespace="production", pod="api-1", pod_uid=UID, name="gateway", id=A, names_from="cri"
)


@pytest.fixture
def inventory() -> Inventory:
    return Inventory("v2", keep_dead_ns=100, max_dead=3)


def container(inventory: Inventory, path: str, inode: int, now_ns: int = 0) -> ContainerRecord:
    record = inventory.appeared(place(path), inode, now_ns)
    assert record is not None
    return record


def test_record_of_a_new_container(inventory: Inventory) -> None:
    """Known by its path at once: uid and id."""
    record = container(inventory, f"{POD}/{A}", 7, now_ns=5)
    assert record == ContainerRecord(
        id=CgroupId(hierarchy="v2", inode=7),
        place=place(f"{POD}/{A}"),
        names=Container(pod_uid=UID, id=A, names_from="cgroup"),
        first_seen_ns=5,
    )
    assert record.alive
    assert (inventory.containers, inventory.pods, inventory.driver) == (1, 1, "cgroupfs")


def test_drivers_disagree(inventory: Inventory) -> None:
    """Said while such a container is there, whatever else comes and goes."""
    inventory.appeared(place(SYSTEMD_POD), 1, 0)
    assert inventory.driver == "systemd"
    container(inventory, MISMATCH, 7)
    inventory.appeared(place(f"{SYSTEMD_POD}/cri-containerd-{B}.scope"), 8, 0)
    assert inventory.driver == "mismatch"
    inventory.vanished(MISMATCH, 7, 1)
    assert inventory.driver == "systemd"


@pytest.mark.parametrize(
    "path",
    ["/", "/kubepods", "/kubepods/burstable", POD, f"{POD}/{A}/app", "/system.slice/x.scope"],
)
def test_other_cgroups_are_no_containers(inventory: Inventory, path: str) -> None:
    """Classes, pods, what a container nests, what is outside."""
    assert inventory.appeared(place(path), 1, 0) is None
    assert inventory.containers == 0


def test_heard_of_again(inventory: Inventory) -> None:
    """The same cgroup twice is one record, with the names it has by now."""
    record = container(inventory, f"{POD}/{A}", 7)
    named = inventory.named(record.id, NAMED, ContainerKind.CONTAINER)
    assert container(inventory, f"{POD}/{A}", 7, now_ns=50) == named
    assert inventory.containers == 1


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{POD}/{A}", True),
        (f"{POD}/{A}/nested/deep", True),
        (f"{POD}/{A}x", False),
        (POD, False),
        ("/", False),
        ("", False),
        (f"/elsewhere{POD}/{A}", False),
    ],
)
@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead"])
def test_by_path(inventory: Inventory, path: str, found: bool, dead: bool) -> None:
    """A container's own path and all below it, also when it is dead."""
    record = container(inventory, f"{POD}/{A}", 7)
    if dead:
        died = inventory.vanished(f"{POD}/{A}", 7, 1)
        assert died is not None
        record = died
    assert inventory.by_path(path) == (record if found else None)


def test_death(inventory: Inventory) -> None:
    """The dead keep their names, and are found by id, path and pod."""
    record = container(inventory, f"{POD}/{A}", 7)
    inventory.named(record.id, NAMED, ContainerKind.CONTAINER)
    died = inventory.vanished(f"{POD}/{A}", 7, 9)
    assert died is not None
    assert (died.alive, died.died_ns, died.names) == (False, 9, NAMED)
    assert inventory.get(record.id) == inventory.by_container_id(A) == died
    assert inventory.in_pod(UID) == (died,)
    assert (inventory.containers, inventory.dead, list(inventory.alive())) == (0, 1, [])


@pytest.mark.parametrize(
    ("path", "inode"), [(f"{POD}/{A}", 8), (f"{POD}/{B}", 7), (f"{POD}/{A}/x", 7), ("/", 1)]
)
def test_death_of_somebody_else(inventory: Inventory, path: str, inode: int) -> None:
    """Path and inode must both be this cgroup's."""
    container(inventory, f"{POD}/{A}", 7)
    assert inventory.vanished(path, inode, 9) is None
    assert inventory.containers == 1


def test_death_is_heard_once(inventory: Inventory) -> None:
    """A second report changes nothing."""
    container(inventory, f"{POD}/{A}", 7)
    assert inventory.vanished(f"{POD}/{A}", 7, 9) is not None
    assert inventory.vanished(f"{POD}/{A}", 7, 10) is None
    found = inventory.by_container_id(A)
    assert found is not None
    assert found.died_ns == 9


def test_death_that_was_none(inventory: Inventory) -> None:
    """Seen again with the same inode it never died: the kernel gives no inode twice."""
    container(inventory, f"{POD}/{A}", 7)
    inventory.vanished(f"{POD}/{A}", 7, 9)
    assert container(inventory, f"{POD}/{A}", 7, now_ns=10).alive
    assert (inventory.dead, inventory.containers, inventory.pods) == (0, 1, 1)


def test_id_comes_again(inventory: Inventory) -> None:
    """A new cgroup at a known path is a new container; the old one is dead and still known."""
    old = container(inventory, f"{POD}/{A}", 7)
    inventory.named(old.id, NAMED, ContainerKind.CONTAINER)
    new = container(inventory, f"{POD}/{A}", 8, now_ns=20)
    assert (new.names.pod, new.names.name) == ("api-1", "")
    assert inventory.by_container_id(A) == inventory.by_path(f"{POD}/{A}") == new
    former = inventory.get(old.id)
    assert former is not None
    assert (former.died_ns, former.names) == (20, NAMED)
    assert inventory.containers == 1
    inventory.vanished(f"{POD}/{A}", 7, 21)  # late news of the old one
    assert inventory.by_container_id(A) == new


def test_the_dead_are_forgotten_by_age(inventory: Inventory) -> None:
    """After `keep_dead_ns` nothing of them is left, and nothing of the living is lost."""
    dead = container(inventory, f"{POD}/{A}", 7)
    alive = container(inventory, f"{POD}/{B}", 8)
    inventory.vanished(f"{POD}/{A}", 7, 10)
    inventory.forget(110)
    assert inventory.get(dead.id) is not None
    inventory.forget(111)
    assert inventory.get(dead.id) is None
    assert inventory.by_container_id(A) is None
    assert inventory.by_path(f"{POD}/{A}") is None
    assert inventory.in_pod(UID) == (alive,)


def test_the_dead_are_forgotten_by_number(inventory: Inventory) -> None:
    """At most `max_dead`; pods too."""
    for inode in range(1, 10):
        uid = f"{inode:08d}{UID[8:]}"
        path = f"/kubepods/pod{uid}/{inode:064d}"
        container(inventory, path, inode, now_ns=inode)
        inventory.vanished(path, inode, inode)
    inventory.forget(9)
    assert inventory.dead == 3
    kept = [inode for inode in range(1, 10) if inventory.by_container_id(f"{inode:064d}")]
    assert kept == [7, 8, 9]
    assert [inventory.pod(f"{i:08d}{UID[8:]}") is not None for i in (6, 7)] == [False, True]
    assert inventory.pods == 0


def test_forgetting_an_old_cgroup_leaves_the_new_one(inventory: Inventory) -> None:
    """The path and the id belong to the latest."""
    container(inventory, f"{POD}/{A}", 7)
    new = container(inventory, f"{POD}/{A}", 8, now_ns=20)
    inventory.forget(1_000)
    assert inventory.get(CgroupId(hierarchy="v2", inode=7)) is None
    assert inventory.by_container_id(A) == inventory.by_path(f"{POD}/{A}") == new


def test_names_change_a_record_once(inventory: Inventory) -> None:
    """The new record when something changed, else None; unknown cgroups are ignored."""
    record = container(inventory, f"{POD}/{A}", 7)
    named = inventory.named(record.id, NAMED, ContainerKind.CONTAINER)
    assert named is not None
    assert (named.names, named.kind) == (NAMED, ContainerKind.CONTAINER)
    assert inventory.named(record.id, NAMED, ContainerKind.CONTAINER) is None
    assert inventory.named(CgroupId(hierarchy="v2", inode=99), NAMED, named.kind) is None


def test_init(inventory: Inventory) -> None:
    """Pid and start together."""
    record = container(inventory, f"{POD}/{A}", 7)
    found = inventory.init_found(record.id, 4711, 99)
    assert found is not None
    assert (found.init_pid, found.init_start_boottime_ns) == (4711, 99)
    assert inventory.init_found(record.id, 4711, 99) is None
    assert inventory.init_found(CgroupId(hierarchy="v2", inode=99), 1, 1) is None


def test_sandboxes_are_not_counted(inventory: Inventory) -> None:
    """`containers` is what a user would count."""
    sandbox = container(inventory, f"{POD}/{A}", 7)
    container(inventory, f"{POD}/{B}", 8)
    inventory.named(sandbox.id, NAMED, ContainerKind.SANDBOX)
    assert (inventory.containers, len(list(inventory.alive()))) == (1, 2)


@pytest.mark.parametrize("pod", [POD, SYSTEMD_POD], ids=["cgroupfs", "systemd"])
def test_pod_is_named_by_its_containers(inventory: Inventory, pod: str) -> None:
    """A kill that is booked on the pod's own cgroup finds the pod's names."""
    leaf = f"{pod}/{A}" if pod == POD else f"{pod}/cri-containerd-{A}.scope"
    inventory.appeared(place(pod), 6, 0)
    record = container(inventory, leaf, 7)
    unnamed = Container(pod_uid=UID, names_from="cgroup")
    assert inventory.names_of(place(pod)) == unnamed
    assert [pod.names for pod in inventory.unnamed_pods()] == [unnamed]
    inventory.named(record.id, NAMED, ContainerKind.CONTAINER)
    expected = Container(namespace="production", pod="api-1", pod_uid=UID, names_from="cri")
    assert inventory.names_of(place(pod)) == expected
    assert inventory.unnamed_pods() == ()
    # also of a container that is too new to have names of its own, and of what it nests
    new = replace(expected, id=C)
    assert inventory.names_of(place(f"{pod}/{C}")) == new
    assert container(inventory, f"{pod}/{C}", 9).names == new
    assert inventory.names_of(place(f"{leaf}/nested")) == NAMED


def test_pod_that_is_named_later(inventory: Inventory) -> None:
    """Its containers are named with it, also one that is dead and that nobody names by itself."""
    leaf = f"{POD}/{A}"
    inventory.appeared(place(POD), 6, 0)
    record = container(inventory, leaf, 7)
    assert inventory.names_of(place(leaf)) == record.names
    inventory.vanished(leaf, 7, 1)
    inventory.pod_named(UID, namespace="production", name="api-1", names_from="cri")
    expected = Container(namespace="production", pod="api-1", pod_uid=UID, id=A, names_from="cri")
    assert inventory.names_of(place(leaf)) == expected


def test_names_of_the_unknown(inventory: Inventory) -> None:
    """A container that nobody has seen: what its path tells; nothing outside of pods."""
    assert inventory.names_of(place(f"{POD}/{A}")) == Container(
        pod_uid=UID, id=A, names_from="cgroup"
    )
    assert inventory.names_of(place("/system.slice/ssh.service")) is None
    assert inventory.names_of(place("/kubepods/burstable")) is None


def test_better_names_of_a_pod_stay(inventory: Inventory) -> None:
    """What the runtime said is not overwritten by what a directory is called."""
    inventory.appeared(place(POD), 6, 0)
    for names_from, name in (("bundle", "b"), ("cri", "c"), ("pod-logs", "l"), ("bundle", "b")):
        inventory.pod_named(UID, namespace="ns", name=name, names_from=names_from)
    inventory.pod_named(UID, namespace="", name="half", names_from="cri")
    inventory.pod_named(OTHER_UID, namespace="ns", name="unknown", names_from="cri")
    pod = inventory.pod(UID)
    assert pod is not None
    assert (pod.names.pod, pod.names.names_from) == ("c", "cri")
    assert inventory.pod(OTHER_UID) is None


def test_pod_lives_as_long_as_its_cgroup(inventory: Inventory) -> None:
    """Between two sandboxes a pod has no container and is still there."""
    inventory.appeared(place(POD), 6, 0)
    container(inventory, f"{POD}/{A}", 7)
    inventory.vanished(f"{POD}/{A}", 7, 1)
    assert inventory.pods == 1
    assert inventory.vanished(POD, 5, 2) is None
    assert inventory.pods == 1
    assert inventory.vanished(POD, 6, 3) is None
    pod = inventory.pod(UID)
    assert pod is not None
    assert (pod.died_ns, inventory.pods) == (3, 0)
    inventory.vanished(POD, 6, 4)
    assert inventory.pod(UID) == pod


def test_pod_takes_its_containers_along(inventory: Inventory) -> None:
    """A container whose end we missed ends at the latest with its pod."""
    inventory.appeared(place(POD), 6, 0)
    record = container(inventory, f"{POD}/{A}", 7)
    inventory.vanished(POD, 6, 3)
    died = inventory.get(record.id)
    assert died is not None
    assert died.died_ns == 3


@pytest.mark.parametrize("path", [f"{POD}/{A}", MISMATCH], ids=["unseen-cgroup", "mismatch"])
def test_pod_without_a_cgroup_of_its_own(inventory: Inventory, path: str) -> None:
    """It lives as long as its last container."""
    container(inventory, path, 7)
    assert inventory.pods == 1
    inventory.vanished(path, 7, 1)
    assert inventory.pods == 0
    container(inventory, path, 8, now_ns=2)
    assert inventory.pods == 1


def test_pod_comes_again(inventory: Inventory) -> None:
    """The kubelet may make a pod's cgroup anew; the names stay."""
    inventory.appeared(place(POD), 6, 0)
    inventory.pod_named(UID, namespace="ns", name="p", names_from="cri")
    inventory.vanished(POD, 6, 1)
    container(inventory, f"{POD}/{A}", 7, now_ns=2)
    assert inventory.vanished(POD, 6, 3) is None  # late news of the first one
    assert inventory.pods == 1
    inventory.appeared(place(POD), 9, 4)
    pod = inventory.pod(UID)
    assert pod is not None
    assert (pod.names.pod, pod.alive, pod.id) == ("p", True, CgroupId(hierarchy="v2", inode=9))


def test_monitor_beside_a_container_is_not_the_pod(inventory: Inventory) -> None:
    """What is at the pod's level and not the pod's cgroup can vanish without it."""
    inventory.appeared(place(POD), 6, 0)
    monitor = f"{POD}/crio-conmon-{A}.scope"
    assert inventory.appeared(place(monitor), 7, 0) is None
    inventory.vanished(monitor, 7, 1)
    assert inventory.pods == 1
