"""What is left over, on a real kernel: ghosts, the hollow, dead pods, and what cannot die."""

import contextlib
import signal
import uuid
from collections.abc import Iterator

import grpc
import pytest

from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_UNKNOWN,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    Condition,
)
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.hierarchy import container_path
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.pods import Container
from tests.lab.scenarios.runtime import stopped
from tests.lab.scenarios.slow_disk import MOUNT, slow_disk

SECONDS = 60
SLEEP = ["/bin/work", "sleep"]
TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"


def told(condition: Condition, what: str) -> list[str]:
    """The values of one kind of evidence."""
    return [item.value for item in condition.evidence if item.what == what]


def parent(guest: Guest, pid: int) -> int:
    return int(guest.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])


@contextlib.contextmanager
def shim_stopped(guest: Guest, container: Container) -> Iterator[int]:
    """SIGSTOP for the shim, which then hears of no death; the init's pid. Always continued."""
    init = container.init_pid()
    shim = parent(guest, init)
    guest.run(f"kill -STOP {shim}")
    try:
        yield init
    finally:
        guest.run(f"kill -CONT {shim}")


def forget(node: Node, container: Container) -> None:
    """Remove the runtime's state under a living container: it comes back and knows no task of it,
    so it takes the container for exited and lets itself be told to remove it.
    """
    task = f"{TASKS}/{container.id}"
    node.stop_containerd(signal.SIGKILL)
    node.guest.run(f"umount -l {task}/rootfs; rm -rf {task}")
    node.start_containerd()
    until(
        lambda: container.status().get("state") != "CONTAINER_RUNNING", SECONDS, "it is forgotten"
    )
    node.cri.call("RemoveContainer", container_id=container.id)


def test_left_over(pods: Pods, node: Node, guest: Guest, asking: Asking) -> None:
    """Two kinds of ghosts, a hollow container, and two pods that are dead, all at once; while
    the runtime is silent nothing is claimed of what needs its word.
    """
    lost = pods.create("lost").container("main", SLEEP)
    host = pods.create("host")
    hollow = pods.create("hollow").container("main", SLEEP)
    well = pods.create("well").container("main", SLEEP)
    pods.create("dead").container("main", ["/bin/false"]).wait_exited()
    pods.create("done").container("main", ["/bin/true"]).wait_exited()

    forget(node, lost)
    stranger = uuid.uuid4().hex * 2
    group = Group(guest, container_path(host.runtime_driver, host.group.path, stranger)).make()
    process = guest.start(["sleep", "3600"], cgroup=group.path.lstrip("/"))
    try:
        with shim_stopped(guest, hollow) as init:
            guest.run(f"kill -9 {init}")

            ghost = asking.condition("GhostContainer", "lost")
            assert ghost.entity.id == lost.id
            assert ghost.entity.names.name == "main"
            assert "work[" in ghost.message
            assert told(ghost, "populated") == ["1"]
            assert told(ghost, "not listed")

            unknown = asking.condition("GhostContainer", "host")
            assert unknown.entity.id == stranger
            assert "sleep[" in unknown.message

            found = asking.condition("HollowContainer", "hollow")
            assert (found.entity.id, found.reason) == (hollow.id, "NoProcess")
            assert told(found, "init") == [f"{init} state Z"]

            dead = asking.condition("DeadPod", "dead")
            assert (dead.reason, dead.severity) == ("AllDead", SEVERITY_WARNING)
            assert told(dead, "container") == ["main: Error, exit code 1"]
            assert "the sandbox lives on" in dead.message
            done = asking.condition("DeadPod", "done", lambda c: c.reason == "AllCompleted")
            assert done.severity == SEVERITY_INFO

            for name in ("GhostContainer", "HollowContainer", "DeadPod", "UndyingContainer"):
                assert asking.conditions(types=[name], pod="well", all=True) == []
            with stopped(node):
                for pod in ("lost", "host"):
                    asking.condition("GhostContainer", pod, status=CONDITION_STATUS_UNKNOWN)
            asking.condition("GhostContainer", "lost")
    finally:
        process.close()
    asking.condition("HollowContainer", "hollow", status=CONDITION_STATUS_FALSE)
    asking.condition("GhostContainer", "host", status=CONDITION_STATUS_FALSE)
    lost.group.kill()
    asking.condition("GhostContainer", "lost", status=CONDITION_STATUS_FALSE)
    assert well.group.pids()


def test_undying(pods: Pods, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """StopContainer hangs on a suspended disk: the task, where it waits and its stack are named;
    when the disk is back it clears by itself. A frozen container beside it dies when told to.
    """
    with slow_disk(guest) as disk:
        frozen = pods.create("frozen").container("main", SLEEP)
        mounts = [{"host_path": MOUNT, "container_path": "/data"}]
        argv = ["/bin/work", "write", "/data/f", "0"]
        stuck = pods.create("stuck").container("main", argv, mounts=mounts)
        until(lambda: guest.exists(f"{MOUNT}/f"), SECONDS, "it writes")
        disk.suspend()
        init = stuck.init_pid()
        stat = f"/proc/{init}/stat"
        until(lambda: guest.read(stat).rpartition(")")[2].split()[0] == "D", SECONDS, "it is stuck")
        guest.run(f"echo 1 > {frozen.group.directory}/cgroup.freeze")

        call = pods.node.cri.call
        with pytest.raises(grpc.RpcError) as error:
            call("StopContainer", seconds=6, container_id=stuck.id, timeout="1")
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        call("StopContainer", container_id=frozen.id, timeout="1")
        frozen.wait_exited()

        found = asking.condition("UndyingContainer", "stuck", lambda c: bool(told(c, "stack")))
        assert (found.entity.id, found.reason) == (stuck.id, "Uninterruptible")
        assert f"work[{init}] in state D" in found.message
        (sent,) = told(found, "SIGKILL")
        assert sent.startswith(f"to {init} by ")
        (wchan,) = told(found, "wchan")
        (stack,) = told(found, "stack")
        assert stack.startswith(f"work[{init}] ")
        assert "+0x" in stack
        figures.append(f"undying: {found.message}")
        figures.append(f"undying: {wchan}; {stack}")
        assert not asking.conditions(types=["UndyingContainer"], pod="frozen", all=True)

        disk.resume()
        asking.condition("UndyingContainer", "stuck", status=CONDITION_STATUS_FALSE)
        stuck.wait_exited()
