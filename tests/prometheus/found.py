"""One finding of each condition that has an alert, made by its detector, as `nodectl` shows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from msgspec.structs import replace

from agent.api.condition import condition_to_wire
from agent.detect import (
    agent_blind,
    container_oom_killed,
    cpu_stall,
    dead_pod,
    disk_errors,
    disk_stalled,
    etcd_disk_slow,
    eviction_crossed,
    eviction_imminent,
    filesystem_failed,
    ghost_container,
    hollow_container,
    io_stall,
    memory_stall,
    oom_books_unbalanced,
    oom_kills_unattributed,
    reclaim_thrash,
    runtime_oom_killed,
    service_starved,
    service_throttled,
    tasks_blocked,
    undying_container,
)
from agent.detect.scene import Scene
from agent.model.afterlife import DeadContainer, DeadPod, Ghost, Hollow, TaskList
from agent.model.catalogue import find
from agent.model.condition import Condition, Finding, Verity
from agent.model.exits import Verdict
from agent.model.oom import LimitLevel
from agent.model.pressure import Resource
from agent.model.rates import Shares
from agent.model.source import SourceState
from agent.nodectl.show.conditions import condition_lines
from tests.detect import (
    test_afterlife,
    test_agent_blind,
    test_cni,
    test_cpu,
    test_heartbeat,
    test_io,
    test_kubelet,
    test_network,
    test_oom,
    test_plumbing,
    test_pressure,
    test_pulls,
    test_restarts,
    test_runtime,
    test_services,
)
from tests.detect.test_afterlife import MAIN, NOW, SECOND, TASK, UNDYING
from tests.detect.test_oom import BOOKS, KILL
from tests.serve.cni_sample import CNI, CONFIG
from tests.serve.cpu_sample import CPU
from tests.serve.fault_sample import FAULTS
from tests.serve.heartbeat_sample import HEARTBEAT
from tests.serve.io_sample import BLOCKED, DISKS
from tests.serve.kubelet_sample import KUBELET
from tests.serve.memory_sample import MEMORY, NOW_BOOT_NS, NOW_WALL_NS
from tests.serve.pressure_sample import PRESSURE
from tests.serve.pulls_sample import PULLS
from tests.serve.runtime_sample import CREATIONS, RUNTIME

WALL_NS = 1_795_000_000 * SECOND


def _afterlife() -> list[Finding]:
    ghost = Ghost(
        container=MAIN,
        cgroup="/kubepods/main",
        since_boottime_ns=NOW - 20 * SECOND,
        asked_boottime_ns=NOW - 3 * SECOND,
        known=5,
        tasks=TaskList(tasks=(replace(TASK, state="S", wchan="", stack=()),)),
    )
    hollow = Hollow(
        container=MAIN,
        cgroup="/kubepods/main",
        since_boottime_ns=NOW - 20 * SECOND,
        asked_boottime_ns=NOW,
        init_pid=434,
    )
    dead = DeadPod(
        pod=replace(MAIN, name="", id=""),
        since_boottime_ns=NOW - 60 * SECOND,
        sandbox_alive=True,
        containers=(DeadContainer(names=MAIN, exit_code=1, runtime_says="Error, exit code 1"),),
    )
    return [
        *test_afterlife.found(undying_container.DETECTOR, undying=(UNDYING,)),
        *test_afterlife.found(ghost_container.DETECTOR, ghosts=(ghost,)),
        *test_afterlife.found(hollow_container.DETECTOR, hollow=(hollow,)),
        *test_afterlife.found(dead_pod.DETECTOR, dead_pods=(dead,)),
    ]


def _agent() -> list[Finding]:
    gone = test_agent_blind.source("vmstat", SourceState.DOWN, required=True)
    gone = replace(
        gone,
        tells="how many processes the OOM killer has killed on this node",
        detail="/proc/vmstat: Permission denied",
    )
    return list(
        agent_blind.DETECTOR.detect(Scene(now_boottime_ns=1, now_wall_ns=1, sources=(gone,)))
    )


def _cni() -> list[Finding]:
    return [
        test_cni.stalled(*CNI.calls, health=CNI.health),
        *test_cni.configured(CONFIG, test_cni.CRI),
    ]


def _network() -> list[Finding]:
    full = test_network.FULL
    return [finding for each in test_network.ALL for finding in test_network.found(each, full)]


def _plumbing() -> list[Finding]:
    return [finding for each in test_plumbing.ALL for finding in test_plumbing.found(each)]


def _eviction() -> list[Finding]:
    scene = Scene(now_boottime_ns=NOW_BOOT_NS, now_wall_ns=NOW_WALL_NS, memory=MEMORY)
    return [
        *eviction_imminent.DETECTOR.detect(scene),
        *eviction_crossed.DETECTOR.detect(scene),
    ]


def _heartbeat() -> list[Finding]:
    return [
        *test_heartbeat.found(test_heartbeat.STALLED, HEARTBEAT),
        *test_heartbeat.found(test_heartbeat.FAILING, HEARTBEAT),
    ]


def _io() -> list[Finding]:
    return [
        *test_io.found(disk_errors.DETECTOR, disks=DISKS, faults=FAULTS),
        *test_io.found(disk_stalled.DETECTOR, disks=DISKS, blocked=BLOCKED),
        *test_io.found(etcd_disk_slow.DETECTOR, disks=test_io.slow_etcd()),
        *test_io.found(filesystem_failed.DETECTOR, disks=DISKS, faults=FAULTS),
        *test_io.found(tasks_blocked.DETECTOR, blocked=BLOCKED),
    ]


def _oom() -> list[Finding]:
    shared = replace(KILL, limit_level=LimitLevel.POD, limit_bytes=3 << 30)
    nameless = replace(KILL, unattributed=True, container=None, victims=(), counted=3)
    return [
        *test_oom.hidden(KILL),
        *container_oom_killed.DETECTOR.detect(test_oom.scene(shared)),
        *oom_kills_unattributed.DETECTOR.detect(test_oom.scene(nameless)),
        *oom_books_unbalanced.DETECTOR.detect(test_oom.scene(books=replace(BOOKS, counted=2))),
    ]


def _pressure() -> list[Finding]:
    io = test_pressure.levels(Resource.IO, (90, 62.0), (0, 0.0))
    cpu = test_pressure.levels(Resource.CPU, (94, 0.0), (0, 0.0))
    return [
        *test_pressure.found(memory_stall.DETECTOR, PRESSURE),
        *test_pressure.found(reclaim_thrash.DETECTOR, PRESSURE),
        *test_pressure.found(io_stall.DETECTOR, io),
        *test_pressure.found(cpu_stall.DETECTOR, cpu),
    ]


def _restarts() -> list[Finding]:
    deaths = [test_restarts.death(ago, verdict=Verdict.OOM_CONTAINER_LIMIT) for ago in (9, 80, 190)]
    deaths += [test_restarts.restart(ago, f"web-{ago % 3}") for ago in (10, 20, 33, 45, 130)]
    return test_restarts.findings(deaths)


def _runtime() -> list[Finding]:
    killed = replace(
        KILL,
        container=None,
        unit="containerd.service",
        limit_level=LimitLevel.NODE,
        victims=(replace(KILL.victims[0], comm="containerd", pid=640),),
    )
    return [
        *test_runtime.found(RUNTIME),
        *test_runtime.blocked(RUNTIME),
        *test_runtime.stalled(*CREATIONS),
        *runtime_oom_killed.DETECTOR.detect(test_oom.scene(killed)),
    ]


def _pulls() -> list[Finding]:
    return test_pulls.found(PULLS)


def _kubelet() -> list[Finding]:
    return test_kubelet.down(KUBELET)


def _cpu() -> list[Finding]:
    return [*test_cpu.found(test_cpu.STOLEN, CPU), *test_cpu.found(test_cpu.SOFTIRQ, CPU)]


def _services() -> list[Finding]:
    throttled = test_services.rates(throttled_ratio=0.31, cpu_cores=0.5)
    starved = test_services.rates(io_pressure=Shares(waiting=0.9, stalled=0.6))
    return [
        *test_services.container(replace(throttled, throttled_ratio=0.88)),
        *test_services.found(service_throttled.DETECTOR, rates=throttled),
        *test_services.found(service_starved.DETECTOR, rates=starved),
    ]


PARTS: tuple[Callable[[], list[Finding]], ...] = (
    *(_afterlife, _agent, _cni, _eviction, _heartbeat, _io, _network, _oom, _pressure, _restarts),
    *(_plumbing, _pulls, _runtime, _kubelet, _cpu, _services),
)


@cache
def found() -> dict[str, Finding]:
    """By condition."""
    return {finding.type: finding for part in PARTS for finding in part()}


def shown(name: str, *, wide: bool = False, seconds: int = 30) -> str:
    """What `nodectl conditions NAME` prints of it, `wide` with -o wide, so long after it began."""
    finding, kind = found()[name], find(name)
    assert kind is not None
    condition = Condition(
        type=name,
        entity=finding.entity,
        status=Verity.TRUE,
        severity=finding.severity or kind.severity,
        since_wall_ns=WALL_NS - seconds * SECOND,
        since_boottime_ns=1,
        reason=finding.reason,
        message=finding.message,
        evidence=finding.evidence,
    )
    lines = condition_lines([condition_to_wire(condition)], WALL_NS, wide=wide)
    return "\n".join(lines) + "\n"
