"""What containers use: the sweep on a real kernel, over gRPC, /metrics and nodectl."""

import json

from agent.api.v1.containers_pb2 import CGROUP_STATE_RUNNING, ContainerUsage
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container

SECONDS = 120.0
MIB = 1 << 20
LIMIT_MIB = 112
EATEN_MIB = 40
LEAK_KIB = 1024  # a second
QUOTA = "20000 100000"


def one(asking: Asking, pod: str, name: str) -> ContainerUsage | None:
    """The container of this pod and name, once it has rates."""
    found = [each for each in asking.containers(pod=pod) if each.container == name]
    assert len(found) <= 1, found
    return found[0] if found and found[0].usage.HasField("rates_over") else None


def measured(asking: Asking, pod: str, name: str) -> ContainerUsage:
    return until(
        lambda: one(asking, pod, name),
        SECONDS,
        f"{pod} {name} has rates",
        lambda: str(asking.containers(sandboxes=True, services=True)),
    )


def working_set(container: Container) -> int:
    """By the kernel's files, read here."""
    current = int(container.group.read("memory.current"))
    lines = container.group.read("memory.stat").splitlines()
    return current - int(dict(line.split() for line in lines)["inactive_file"])


def metric(asking: Asking, name: str, pod: str, container: str) -> float:
    return asking.metric(
        f"nodewitness_container_{name}", namespace="default", pod=pod, container=container
    )


def test_what_containers_use(asking: Asking, pods: Pods, guest: Guest, figures: list[str]) -> None:
    """Memory is the kernel's own arithmetic, limits are the kernel's, throttling is seen; a leak
    is told when it hits its limit, a sawtooth is not; what is gone is listed no more.
    """
    pod = pods.create("busy", memory_max=400 * MIB)
    steady = pod.container(
        "steady", ["/bin/work", "eat", str(EATEN_MIB)], memory_max=LIMIT_MIB * MIB
    )
    pod.container("throttled", ["/bin/work", "spin", "600"], unified={"cpu.max": QUOTA})
    pod.container("saw", ["/bin/work", "saw", "4096", "40"], memory_max=48 * MIB)

    def agrees() -> ContainerUsage | None:
        seen = measured(asking, "busy", "steady")
        by = abs(seen.usage.memory.working_set - working_set(steady))
        return seen if by < MIB else None

    seen = until(agrees, SECONDS, "the working set is the kernel's")
    assert EATEN_MIB * MIB <= seen.usage.memory.anon <= (EATEN_MIB + 4) * MIB
    assert seen.usage.memory.limit == LIMIT_MIB * MIB
    assert seen.usage.memory.peak >= seen.usage.memory.working_set
    assert not seen.usage.memory.HasField("time_to_limit")
    assert (seen.state, seen.init_pid) == (CGROUP_STATE_RUNNING, steady.init_pid())
    assert not seen.usage.cpu.HasField("limit_cores")
    assert seen.usage.pids == 1
    assert metric(asking, "memory_limit_bytes", "busy", "steady") == LIMIT_MIB * MIB
    told = metric(asking, "memory_working_set_bytes", "busy", "steady")
    assert abs(told - seen.usage.memory.working_set) < MIB

    def throttled() -> ContainerUsage | None:
        seen = measured(asking, "busy", "throttled")
        return seen if seen.usage.cpu.throttled_ratio > 0.5 else None

    seen = until(throttled, SECONDS, "throttling is seen")
    assert seen.usage.cpu.limit_cores == 0.2
    assert 0.1 < seen.usage.cpu.cores < 0.3
    assert metric(asking, "cpu_cfs_throttled_seconds_total", "busy", "throttled") > 0
    asking.condition("CPUThrottled", "busy", lambda c: c.entity.names.name == "throttled")

    [found] = asking.pods(pod="busy")
    assert (found.containers, found.running) == (3, 3)
    assert found.usage.memory.limit == 400 * MIB
    assert found.usage.memory.working_set > EATEN_MIB * MIB
    services = {each.unit for each in asking.containers(services=True)}
    assert "containerd.service" in services
    listed = json.loads(guest.run(["nodectl", "ps", "--pod", "busy", "-o", "json"]).out)
    assert {each["container"] for each in listed["containers"]} == {"steady", "throttled", "saw"}

    leak = pods.create("leaking").container(
        "main", ["/bin/work", "leak", str(LEAK_KIB), "300"], memory_max=LIMIT_MIB * MIB
    )

    def half_way() -> ContainerUsage | None:
        seen = one(asking, "leaking", "main")
        if seen is None:
            return None
        memory = seen.usage.memory
        near = LIMIT_MIB * MIB / 2 <= memory.working_set < LIMIT_MIB * MIB * 3 / 4
        near = near and memory.HasField("time_to_limit")
        return seen if near else None

    seen = until(half_way, SECONDS, "the leak is told", lambda: str(asking.containers()))
    at = seen.usage.at.ToNanoseconds()
    told_seconds = seen.usage.memory.time_to_limit.ToMilliseconds() / 1000
    saw = measured(asking, "busy", "saw")
    assert not saw.usage.memory.HasField("time_to_limit"), saw
    killed = asking.closed("leaking").time.ToNanoseconds()
    took = (killed - at) / 1e9
    figures.append(
        f"time to the memory limit: told {told_seconds:.1f} s at"
        f" {seen.usage.memory.working_set / MIB:.0f} of {LIMIT_MIB} MiB, took {took:.1f} s"
    )
    assert abs(told_seconds - took) < 0.2 * took + 1.0, (told_seconds, took, seen)
    assert leak.wait_exited()["exit_code"] == 137

    pods.remove_all()
    until(
        lambda: not asking.containers(sandboxes=True) and not asking.pods(),
        SECONDS,
        "nothing is listed any more",
        lambda: str(asking.containers(sandboxes=True)),
    )
    assert "No containers." in guest.run(["nodectl", "ps"]).out
