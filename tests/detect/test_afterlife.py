"""agent.detect: ghost_container, hollow_container, dead_pod and undying_container."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import dead_pod, ghost_container, hollow_container, undying_container
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.afterlife import (
    Afterlife,
    DeadContainer,
    DeadPod,
    Ghost,
    Hollow,
    Kill,
    Task,
    TaskList,
    Undying,
)
from agent.model.condition import EntityKind, Finding
from agent.model.oom import Container

SECOND = 10**9
NOW = 1000 * SECOND
MAIN = Container(namespace="default", pod="api-1", pod_uid="uid", name="main", id="a" * 64)
TASK = Task(
    pid=434,
    tid=434,
    comm="work",
    state="D",
    start_boottime_ns=1,
    wchan="folio_wait_bit_common",
    stack=("folio_wait_bit_common+0x13d/0x380", "ext4_sync_file+0xfd/0x370 [ext4]"),
    since_boottime_ns=NOW - 12 * SECOND,
)
UNDYING = Undying(
    container=MAIN,
    cgroup="/kubepods/main",
    since_boottime_ns=NOW - 14 * SECOND,
    kill=Kill(pid=434, boottime_ns=NOW - 14 * SECOND, sender_pid=615, sender_comm="runc"),
    tasks=TaskList(tasks=(TASK,), more=2),
)


def found(detector: Detector, **fields: object) -> list[Finding]:
    afterlife = Afterlife(boottime_ns=NOW, runtime_answers=True, **fields)  # type: ignore[arg-type]
    scene = Scene(now_boottime_ns=NOW, now_wall_ns=1, afterlife=afterlife)
    return list(detector.detect(scene))


@pytest.mark.parametrize("module", [dead_pod, ghost_container, hollow_container, undying_container])
def test_nothing(module: object) -> None:
    """Neither before the first look nor when all is well."""
    detector = module.DETECTOR  # type: ignore[attr-defined]
    assert found(detector) == []
    assert list(detector.detect(Scene(now_boottime_ns=NOW, now_wall_ns=1))) == []


def test_undying() -> None:
    """Who asked and when, then each task: state, since when, where, and its stack."""
    [finding] = found(undying_container.DETECTOR, undying=(UNDYING,))
    assert finding.reason == "Uninterruptible"
    assert finding.entity.id == MAIN.id
    assert finding.message == (
        "SIGKILL was sent to its process 434 14 s ago by runc[615], and tasks remain: work[434] in "
        "state D in folio_wait_bit_common and 2 more"
    )
    assert [(item.what, item.value, item.source) for item in finding.evidence] == [
        ("SIGKILL", "to 434 by runc[615], 14 s ago", "signal:signal_generate"),
        ("task", "work[434] state D, seen so for 12 s", "/proc/434/stat"),
        ("wchan", "work[434] folio_wait_bit_common", "/proc/434/wchan"),
        (
            "stack",
            "work[434] folio_wait_bit_common+0x13d/0x380 < ext4_sync_file+0xfd/0x370 [ext4]",
            "/proc/434/stack",
        ),
        ("tasks", "2 more", "cgroup.procs"),
    ]


def test_undying_thread_without_a_stack() -> None:
    """The thread is named; why there is no stack is told; frozen is a fact and no cause."""
    thread = replace(TASK, tid=440, stack=(), unread="reading kernel stacks needs CAP_SYS_ADMIN")
    undying = replace(UNDYING, tasks=TaskList(tasks=(thread,)), frozen=True)
    [finding] = found(undying_container.DETECTOR, undying=(undying,))
    told = {item.what: item for item in finding.evidence}
    assert told["stack"].value.endswith("needs CAP_SYS_ADMIN")
    assert told["task"].source == "/proc/434/task/440/stat"
    assert "work[434, thread 440]" in told["task"].value
    assert told["frozen"].value.startswith("1; this does not hold it")


def test_undying_by_the_kernel() -> None:
    """Who happened to run when the OOM killer struck is not named."""
    assert UNDYING.kill is not None
    undying = replace(UNDYING, kill=replace(UNDYING.kill, by_kernel=True))
    [finding] = found(undying_container.DETECTOR, undying=(undying,))
    assert "14 s ago by the kernel, and" in finding.message


def test_undying_reasons() -> None:
    """Without a task in state D it only survives; without a SIGKILL it outlives its exit."""
    running = replace(UNDYING, tasks=TaskList(tasks=(replace(TASK, state="R"),)))
    exited = replace(running, kill=None, runtime_says_exited=True)
    reasons = [each.reason for each in found(undying_container.DETECTOR, undying=(running, exited))]
    assert reasons == ["SurvivesSIGKILL", "OutlivesItsExit"]
    unread = replace(exited, tasks=TaskList(absent="reading them hangs"))
    [finding] = found(undying_container.DETECTOR, undying=(unread,))
    assert finding.message.endswith("tasks remain for 14 s: reading them hangs")


def test_ghost() -> None:
    ghost = Ghost(
        container=MAIN,
        cgroup="/kubepods/main",
        since_boottime_ns=NOW - 20 * SECOND,
        asked_boottime_ns=NOW - 3 * SECOND,
        known=5,
        tasks=TaskList(tasks=(replace(TASK, state="S", wchan="", stack=()),)),
    )
    [finding] = found(ghost_container.DETECTOR, ghosts=(ghost,))
    assert finding.message == (
        "processes run in its cgroup (work[434] in state S), and the runtime has not known it for "
        "20 s"
    )
    assert finding.evidence[1].value == (
        "none of the 5 containers and sandboxes of the answer 3 s ago"
    )


@pytest.mark.parametrize(
    ("state", "reason"), [("", "NoProcess"), ("Z", "NoProcess"), ("S", "ProcessElsewhere")]
)
def test_hollow(state: str, reason: str) -> None:
    """A zombie is no live process; an init in another cgroup is told with it."""
    hollow = Hollow(
        container=MAIN,
        cgroup="/kubepods/main",
        since_boottime_ns=NOW - 20 * SECOND,
        asked_boottime_ns=NOW,
        init_pid=434,
        init_state=state,
        init_cgroup="/lab" if state else "",
    )
    [finding] = found(hollow_container.DETECTOR, hollow=(hollow,))
    assert finding.reason == reason
    assert ("its init 434 lives in /lab" in finding.message) == (state == "S")
    [gone] = found(hollow_container.DETECTOR, hollow=(replace(hollow, cgroup=""),))
    assert gone.message.startswith("the runtime says RUNNING, and its cgroup is gone")


def test_dead_pod() -> None:
    """All that exited with 0 is another reason, and of an unknown exit nothing is said."""
    side = DeadContainer(names=replace(MAIN, name="side", id="b" * 64))
    main = DeadContainer(names=MAIN, exit_code=0, runtime_says="Completed, exit code 0")
    pod = DeadPod(
        pod=replace(MAIN, name="", id=""),
        since_boottime_ns=NOW - 60 * SECOND,
        sandbox_alive=True,
        containers=(main,),
    )
    [finding] = found(dead_pod.DETECTOR, dead_pods=(pod,))
    assert (finding.entity.kind, finding.entity.id) == (EntityKind.POD, "uid")
    assert finding.reason == "AllCompleted"
    assert finding.message == (
        "its container has exited with 0, and none was started for 60 s; the sandbox lives on"
    )
    [finding] = found(dead_pod.DETECTOR, dead_pods=(replace(pod, containers=(main, side)),))
    assert finding.reason == "AllDead"
    assert finding.message.startswith("all 2 containers have exited, and")
    assert [item.value for item in finding.evidence] == [
        "main: Completed, exit code 0",
        "side: no live process",
    ]
