"""RuntimeUnresponsive, RuntimeOOMKilled, ShimBlocked and CreationStalled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import (
    creation_stalled,
    runtime_oom_killed,
    runtime_unresponsive,
    shim_blocked,
)
from agent.detect.scene import Scene
from agent.model.afterlife import Task
from agent.model.condition import EntityKind, Finding
from agent.model.creation import Creation, CreationStep
from agent.model.oom import LimitLevel, OOMIncident
from agent.model.runtime import Rung, RungState, RuntimeReport, Step
from tests.detect.test_oom import APP, KILL, scene
from tests.serve.runtime_sample import CREATIONS, FORMER, NOW_NS, PROCESS, RUNTIME, STEPS, ago

RUNNING = replace(PROCESS, state="S")
BLOCKED = Task(
    pid=998, tid=1003, comm="containerd", state="D", start_boottime_ns=1, wchan="wb_wait"
)


def found(report: RuntimeReport | None) -> list[Finding]:
    seen = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, runtime=report)
    return list(runtime_unresponsive.DETECTOR.detect(seen))


def steps(
    rung: Rung, state: RungState, detail: str = "", seconds: float = 12.0
) -> tuple[Step, ...]:
    """A ladder that holds up to this rung."""
    made = []
    order = list(Rung)
    for step in STEPS:
        below = order.index(step.rung) < order.index(rung)
        mine = step.rung is rung
        now = state if mine else RungState.OK if below else RungState.UNTRIED
        took = seconds if mine else 0.01
        made.append(replace(step, state=now, seconds=took, detail=detail if mine else ""))
    return tuple(made)


def test_stopped() -> None:
    """What waits in the kernel is told, and that the process is stopped."""
    (finding,) = found(RUNTIME)
    assert finding.reason == "Stopped"
    assert finding.message == (
        "containerd accepts connections and answers nothing: Version has waited for 131 s, and may"
        " take 3 s; 41 connections wait in its backlog of 4096; it has not read 2.2Ki on 3"
        " connections; containerd[998] is stopped (state T)"
    )
    assert ("backlog", "41 of 4096") in [(e.what, e.value) for e in finding.evidence]


@pytest.mark.parametrize(
    ("rung", "state", "detail", "reason", "words"),
    [
        (Rung.SOCKET, RungState.FAILED, "/x: gone", "NoSocket", "cannot be reached: /x: gone"),
        (Rung.CONNECT, RungState.FAILED, "refused", "NoConnection", "no connections: refused"),
        (Rung.CONNECT, RungState.SILENT, "", "NoConnection", "no connections: nothing for 12 s"),
        (Rung.VERSION, RungState.SILENT, "", "VersionFails", "Version has waited for 12 s, and"),
        (Rung.STATUS, RungState.SILENT, "", "StatusFails", "answers up to Version and hangs"),
        (Rung.LIST, RungState.SILENT, "", "ListFails", "up to Status and hangs: ListPodSandbox"),
        (Rung.LIST, RungState.FAILED, "INTERNAL: x", "ListFails", "an error: INTERNAL: x"),
    ],
)
def test_each_rung(rung: Rung, state: RungState, detail: str, reason: str, words: str) -> None:
    """Of a process that runs, the rung is all that is known."""
    report = replace(
        RUNTIME, process=RUNNING, former=None, queues=None, steps=steps(rung, state, detail)
    )
    (finding,) = found(report)
    assert finding.reason == reason
    assert words in finding.message
    assert "containerd[998] runs (state S, 31 threads)" in finding.message


def test_who_is_behind() -> None:
    """Its end, its OOM kill, or where it is blocked, before the rung."""
    refused = steps(Rung.CONNECT, RungState.FAILED, "connections are refused")
    gone = replace(RUNTIME, steps=refused, process=None, queues=None)
    (finding,) = found(gone)
    assert finding.reason == "OOMKilled"
    assert "containerd[640] is gone for 3602 s: the kernel OOM-killed it" in finding.message
    killed = replace(FORMER, oom_killed=False, killer="sh[7]")
    (finding,) = found(replace(gone, former=killed))
    assert finding.reason == "Dead"
    assert "signal 9 killed it, by sh[7]" in finding.message
    (finding,) = found(replace(gone, former=None))
    assert (finding.reason, "no process of it is known" in finding.message) == (
        "NoConnection",
        True,
    )
    silent = steps(Rung.STATUS, RungState.SILENT)
    stuck = replace(RUNTIME, steps=silent, process=replace(RUNNING, blocked=(BLOCKED,)))
    (finding,) = found(stuck)
    assert finding.reason == "Blocked"
    assert "containerd[998] has a thread in state D in wb_wait" in finding.message


def test_stopped_before_a_rung_fails() -> None:
    """A process that is stopped will not answer the next question either."""
    well = steps(Rung.LIST, RungState.OK)
    (finding,) = found(replace(RUNTIME, steps=well))
    assert finding.reason == "Stopped"


def test_silent() -> None:
    """All rungs hold, there is no runtime, or nothing is known."""
    well = steps(Rung.LIST, RungState.OK)
    assert found(replace(RUNTIME, steps=well, process=RUNNING)) == []
    assert found(replace(RUNTIME, steps=(), process=None, absent="no socket")) == []
    assert found(None) == []


def killed(comm: str, **fields: object) -> OOMIncident:
    victim = replace(KILL.victims[0], comm=comm, pid=640, start_boottime_ns=ago(9000))
    made = replace(KILL, container=None, unit="containerd.service", limit_level=LimitLevel.NODE)
    return replace(made, victims=(victim,), **fields)


def test_oom_killed() -> None:
    """The daemon or a shim, and nothing in a container, whatever it calls itself."""
    (finding,) = runtime_oom_killed.DETECTOR.detect(scene(killed("containerd")))
    assert finding.reason == "DaemonKilled"
    assert finding.message == (
        "containerd[640] of containerd.service was killed for the node was out of memory"
    )
    (finding,) = runtime_oom_killed.DETECTOR.detect(scene(killed("containerd-shim")))
    assert finding.reason == "ShimKilled"
    others = (
        killed("bash"),
        killed("containerd", container=APP),
        killed("containerd", unit=""),
        killed("crio", drill=True),
    )
    for other in others:
        assert not list(runtime_oom_killed.DETECTOR.detect(scene(other)))


def blocked(report: RuntimeReport | None) -> list[Finding]:
    seen = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, runtime=report)
    return list(shim_blocked.DETECTOR.detect(seen))


def test_shim_blocked() -> None:
    """About the pod that the shim serves: which thread, where, and since when."""
    (finding,) = blocked(RUNTIME)
    assert (finding.entity.kind, finding.entity.id) == (EntityKind.POD, "u-db")
    assert finding.entity.names is not None
    assert finding.entity.names.pod == "db-1"
    assert finding.message == (
        "containerd-shim[1390, thread 1394] in state D in io_schedule, and has not run for 41 s;"
        " a start, a stop or an exec that it was asked for does not end"
    )
    assert ("wchan", "containerd-shim[1390, thread 1394] io_schedule") in [
        (e.what, e.value) for e in finding.evidence
    ]
    shim = next(shim for shim in RUNTIME.shims or () if shim.blocked)
    (finding,) = blocked(replace(RUNTIME, shims=(replace(shim, pod=None),)))
    assert finding.entity.id == shim.sandbox_id
    (finding,) = blocked(replace(RUNTIME, shims=(replace(shim, pod=None, sandbox_id=""),)))
    assert finding.entity.id == "pid 1390"
    assert blocked(replace(RUNTIME, shims=None)) == blocked(None) == []


def stalled(*creations: Creation) -> list[Finding]:
    report = replace(RUNTIME, creations=creations)
    seen = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, runtime=report)
    return list(creation_stalled.DETECTOR.detect(seen))


def test_creation_stalled() -> None:
    """The whole of it counts, and not the step that it is in; each pod is told once."""
    network, init = CREATIONS
    (finding,) = stalled(network, init)
    assert (finding.entity.id, finding.reason) == ("u-web", "Network")
    assert finding.message == (
        "it has had no sandbox for 247 s: bridge[5130] has worked on its network for 34 s"
        " (state S in do_wait)"
    )
    assert [(e.what, e.value) for e in finding.evidence] == [
        ("step", "network for 34 s"),
        ("process", "bridge[5130] state S"),
        ("wchan", "do_wait"),
    ]
    old = replace(init, begun_boottime_ns=ago(130), since_boottime_ns=ago(130), wchan="")
    first, second = stalled(network, old, replace(old, pid=5202))
    assert (first.reason, second.entity.id, second.reason) == ("Network", "u-db", "Init")
    assert second.message == (
        "container db is not started for 130 s: runc:[2:INIT][5201] has waited for 130 s to become"
        " its program (state D)"
    )


@pytest.mark.parametrize(
    ("step", "reason", "words"),
    [
        (CreationStep.PENDING, "NotBegun", "its cgroup is there, and nobody works on it"),
        (CreationStep.SANDBOX, "Sandbox", "bridge[5130] has been there for 34 s, and no sandbox"),
        (CreationStep.CREATED, "NotStarted", "nobody has begun to start it"),
    ],
)
def test_steps_that_stall(step: CreationStep, reason: str, words: str) -> None:
    (finding,) = stalled(replace(CREATIONS[0], step=step))
    assert finding.reason == reason
    assert words in finding.message


def test_images_are_no_stall() -> None:
    """What holds those up is told by ImagePullStalled; and nothing is told of nothing."""
    assert stalled(replace(CREATIONS[0], step=CreationStep.IMAGE)) == stalled() == []
    assert list(creation_stalled.DETECTOR.detect(Scene(now_boottime_ns=1, now_wall_ns=1))) == []
