"""The lab itself: it boots, pods run, each scenario comes to the ground truth that it claims."""

import signal
from contextlib import closing

import pytest

from tests.lab.build import Artefacts
from tests.lab.cri import descriptor_set
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.hierarchy import Qos
from tests.lab.kubelet import Pods
from tests.lab.machine import Machine, MachineError
from tests.lab.machines import MachineConfig
from tests.lab.node import Node
from tests.lab.scenarios.case import Case
from tests.lab.scenarios.container_limit import (
    child_over_limit,
    group_over_limit,
    init_over_limit,
)
from tests.lab.scenarios.forgery import forge_story
from tests.lab.scenarios.outside import nested_over_limit, service_over_limit
from tests.lab.scenarios.pod_limit import pod_over_limit
from tests.lab.scenarios.runtime import stopped
from tests.lab.scenarios.vanishing import deleted_at_kill
from tests.lab.truth import Books, books_since, mark
from tests.lab.wire import GuestError


def assert_truth(case: Case, books: Books) -> None:
    """The kernel's books say what the case claims, where the limit fired included."""
    expected = case.expected
    assert books.counted == len(books.kills)
    assert 1 <= len(books.victims) <= expected.processes
    if not expected.group_kill:
        assert len(books.victims) == 1
        assert books.repeats == 0
    assert not books.forged
    header = books.headers[0]
    assert header.constraint == "CONSTRAINT_MEMCG"
    assert header.oom_memcg == expected.limit_group.path
    assert header.task_memcg == expected.victim_group.path
    assert header.pid in books.victims


def test_guest_that_cannot_boot_says_why(artefacts: Artefacts) -> None:
    """The kernel's last words are in the error, and nothing is left running."""
    config = MachineConfig(kernel_args=("rdinit=/no/such/init", "root=/dev/none"))
    with Machine(artefacts, config) as broken:
        with pytest.raises(MachineError, match="Kernel panic - not syncing"):
            broken.start()
        assert not broken.alive()
    assert not broken.directory.exists()


def test_commands(guest: Guest) -> None:
    """stdout, stderr and the exit code come back apart; a signal is a negative exit code, and one
    that follows the start at once arrives; stdin arrives, all of it; a missing file is the guest's
    errno.
    """
    done = guest.run("echo out; echo err >&2; exit 7", check=False)
    assert (done.exit_code, done.out, done.err) == (7, "out\n", "err\n")
    assert guest.run("kill -KILL $$", check=False).exit_code == -9
    for _ in range(20):
        with closing(guest.start(["sleep", "1000"])) as sleeps:
            sleeps.signal(signal.SIGKILL)
            assert sleeps.wait(60).exit_code == -9
    with pytest.raises(GuestError, match="exit code 7"):
        guest.run("exit 7")
    data = b"0123456789abcdef" * 20_000
    assert guest.run(["wc", "-c"], stdin=data).out.strip() == str(len(data))
    with pytest.raises(FileNotFoundError):
        guest.read("/no/such/file")


def test_commands_live_outside_kubepods(guest: Guest) -> None:
    """Each in a cgroup of its own in the system's slice, gone with the command; one that takes too
    long is killed with all that it has started.
    """
    own = guest.run(["cat", "/proc/self/cgroup"]).out.strip().removeprefix("0::")
    assert own.startswith("/system.slice/lab-")
    assert not guest.exists(f"/sys/fs/cgroup{own}")
    with pytest.raises(GuestError, match=r"its end not in 5 s"):
        guest.run("cut -d: -f3 /proc/self/cgroup > /tmp/own; sleep 1000", seconds=5)
    own = guest.read("/tmp/own").strip()
    assert own.startswith("/system.slice/lab-")
    until(lambda: not guest.exists(f"/sys/fs/cgroup{own}"), 120, f"{own} goes")


def test_pod_with_a_network_runs(pods: Pods, guest: Guest) -> None:
    """CNI gives it an interface of its own; an exec in its container works."""
    pod = pods.create("net", host_network=False, qos=Qos.GUARANTEED)
    container = pod.container("main", ["/bin/work", "sleep"])
    answer = container.exec_sync(["/bin/ip", "-o", "addr"])
    assert "exit_code" not in answer
    assert container.status()["state"] == "CONTAINER_RUNNING"
    assert guest.run("ip -o link show type veth").out.count("\n") == 1


def test_container_is_made_as_the_kubelet_makes_it(pods: Pods) -> None:
    """Cgroup path, group kill, limit and no swap; logs lie where the kubelet puts them."""
    pod = pods.create("made", memory_max=96 << 20)
    container = pod.container("main", ["/bin/work", "wait"], memory_max=64 << 20)
    container.wait_ready()
    assert container.group.path == f"/kubepods/burstable/pod{pod.uid}/{container.id}"
    assert container.group.read("memory.oom.group") == "1\n"
    assert container.group.read("memory.max") == f"{64 << 20}\n"
    assert container.group.read("memory.swap.max") == "0\n"
    assert pod.group.read("memory.max") == f"{96 << 20}\n"
    assert container.group.pids() == (container.init_pid(),)


def test_pod_is_removed_with_all_its_traces(pods: Pods, guest: Guest) -> None:
    """Nothing is left in the cgroup tree, in the logs and in the runtime."""
    pod = pods.create("removed")
    pod.container("main", ["/bin/work", "sleep"])
    pods.remove_all()
    assert not pod.group.exists()
    assert not guest.exists(pod.log_directory)
    assert not pods.node.cri.call("ListPodSandbox").items


def test_containers_limit(pods: Pods) -> None:
    """It fires for the init, for a child, and for all of a group."""
    init_dies(pods)
    child_dies(pods)
    group_dies(pods)


def init_dies(pods: Pods) -> None:
    """The only process dies, the container exits with 137."""
    case = init_over_limit(pods)
    books = case.fire()
    assert_truth(case, books)
    status = case.the_container.wait_exited()
    assert status["exit_code"] == 137


def child_dies(pods: Pods) -> None:
    """The child dies, the init and the container live on."""
    case = child_over_limit(pods)
    init = case.the_container.init_pid()
    books = case.fire()
    assert_truth(case, books)
    assert init not in books.victims
    assert case.the_container.group.pids() == (init,)
    assert case.the_container.group.memory_events()["oom_kill"] == 1
    assert case.the_container.status()["state"] == "CONTAINER_RUNNING"


def group_dies(pods: Pods) -> None:
    """All die. Whatever the kernel counts twice, it also prints twice."""
    case = group_over_limit(pods)
    living = set(case.the_container.group.pids())
    books = case.fire()
    assert_truth(case, books)
    assert books.victims <= living
    assert len(books.victims) > 1
    assert books.counted == len(books.victims) + books.repeats
    pod_events = case.the_container.pod.group.memory_events()
    assert pod_events["oom_kill"] == books.counted
    assert pod_events["oom_group_kill"] == 1


def test_pod_over_limit(pods: Pods) -> None:
    """The hog, or its child alone, dies of the pod's limit; its idle neighbour lives on."""
    for name, child_only in (("hog", False), ("hogs-child", True)):
        case = pod_over_limit(pods, name=name, child_only=child_only)
        books = case.fire()
        assert_truth(case, books)
        pod = case.the_container.pod
        assert pod.group.memory_events(local=True)["oom"] >= 1
        assert pod.containers[0].status()["state"] == "CONTAINER_RUNNING"
        assert bool(case.the_container.group.pids()) is child_only


def test_forged_story_is_filed_as_user_space(pods: Pods, guest: Guest) -> None:
    """It stands in the ring word by word, is not of facility 0, and nothing is counted."""
    container = pods.create("framed").container("main", ["/bin/work", "sleep"])
    before = mark(guest)
    lines = forge_story(guest, container)
    books = books_since(guest, before)
    assert [record.text for record in books.forged] == list(lines)
    assert {record.facility for record in books.forged} == {1}
    assert books.counted == 0
    assert not books.kills
    assert container.status()["state"] == "CONTAINER_RUNNING"


def test_stopped_runtime_answers_nothing_and_comes_back(node: Node) -> None:
    """While containerd is stopped a call times out; afterwards it answers on the same channel."""
    with stopped(node):
        assert not node.cri.answers(0.5)
    assert node.cri.answers()


def test_runtime_restart_keeps_containers_and_relay(pods: Pods, node: Node) -> None:
    """containerd is killed and started: the containers live on, the same channel answers again."""
    container = pods.create("kept").container("main", ["/bin/work", "sleep"])
    node.stop_containerd(signal.SIGKILL)
    assert not node.cri.answers()
    assert container.group.pids()
    node.start_containerd()
    assert container.status()["state"] == "CONTAINER_RUNNING"


def test_service_over_limit(node: Node) -> None:
    """A daemon in the system's slice dies; the counters of kubepods do not move."""
    kubepods = "/sys/fs/cgroup/kubepods/memory.events"
    before = node.guest.read(kubepods)
    case = service_over_limit(node)
    assert_truth(case, case.fire())
    assert node.guest.read(kubepods) == before


def test_nested_over_limit(pods: Pods) -> None:
    """The limit fires below the container, which counts the kill in its hierarchy and lives on."""
    for name, by_container in (("nested", False), ("nests", True)):
        case = nested_over_limit(pods, name=name, by_container=by_container)
        books = case.fire()
        assert_truth(case, books)
        container = case.the_container
        assert container.init_pid() not in books.victims
        assert container.group.memory_events(local=True)["oom"] == 0
        assert container.group.memory_events()["oom_kill"] == 1
        assert container.status()["state"] == "CONTAINER_RUNNING"


def test_pod_deleted_at_the_moment_of_its_kill(pods: Pods) -> None:
    """The kill is in vmstat and in the ring, and the whole pod is gone from the cgroup tree."""
    case = deleted_at_kill(pods)
    books = case.fire()
    assert_truth(case, books)
    assert not case.the_container.pod.group.exists()
    pods.remove_all()


def test_descriptors_know_the_runtime_service(node: Node) -> None:
    """The CRI's descriptors, cut out of containerd, can be compared with those of the product."""
    (file,) = descriptor_set(node.guest.machine.artefacts.cri).file
    assert file.package == "runtime.v1"
    (runtime,) = [service for service in file.service if service.name == "RuntimeService"]
    assert {"Version", "ListContainers", "ContainerStatus"} <= {m.name for m in runtime.method}
