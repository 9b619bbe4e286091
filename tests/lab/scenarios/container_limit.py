"""A container's own limit fires."""

import grpc

from tests.lab.kubelet import Pods
from tests.lab.machines import Driver
from tests.lab.pods import Container, Pod
from tests.lab.scenarios.case import MIB, Case, Expected


def init_over_limit(
    pods: Pods, *, name: str = "init-oom", limit: int = 32 * MIB, oom_group: bool = True
) -> Case:
    """The container's init exceeds the limit and dies; there is nobody else."""
    argv = ["/bin/work", "wait", "eat", "64"]
    pod = pods.create(name, memory_max=limit + 32 * MIB)
    return _case(pod, argv, limit, oom_group, processes=1, survives=False)


def child_over_limit(
    pods: Pods,
    *,
    name: str = "child-oom",
    limit: int = 32 * MIB,
    runtime_driver: Driver | None = None,
) -> Case:
    """Group kill is off, only a child exceeds the limit: the container lives on, nobody is told."""
    pod = pods.create(name, memory_max=limit + 32 * MIB, runtime_driver=runtime_driver)
    argv = ["/bin/work", "fork", "wait", "eat", "64"]
    return _case(pod, argv, limit, False, processes=2, survives=True)


def child_over_limit_then_exit(
    pods: Pods, *, name: str = "late-exit", limit: int = 32 * MIB
) -> Case:
    """As above, and the init, a shell, lives until SIGTERM: then it exits with 0."""
    argv = ["/bin/sh", "-c", "trap 'exit 0' TERM; work wait eat 64; while :; do sleep 1; done"]
    pod = pods.create(name, memory_max=limit + 32 * MIB)
    return _case(pod, argv, limit, False, processes=2, survives=True)


def exec_over_limit(pods: Pods, *, name: str = "exec-oom", limit: int = 32 * MIB) -> Case:
    """What ExecSync runs in the container (a probe, `kubectl exec`) exceeds its limit."""
    pod = pods.create(name, memory_max=limit + 32 * MIB)
    case = _case(pod, ["/bin/work", "wait"], limit, False, processes=1, survives=True)

    def execute() -> None:
        answer = case.the_container.exec_sync(["/bin/work", "eat", "64"])
        assert answer["exit_code"] == 137, answer

    case.trigger = execute
    return case


def too_small_to_start(pods: Pods, *, name: str = "tiny", limit: int = MIB) -> Case:
    """The limit is below what runc needs: its init is killed before it becomes the container's.

    StartContainer fails, and the runtime removes what it has made.
    """
    container = pods.create(name).container(
        "main", ["/bin/work", "sleep"], memory_max=limit, oom_group=False, start=False
    )

    def start() -> None:
        try:
            container.start()
        except grpc.RpcError:
            return
        raise AssertionError(f"{name} has started with a limit of {limit} bytes")

    expected = _expected(container, limit, False, processes=1, survives=False)
    return Case(expected=expected, container=container, trigger=start)


def group_over_limit(
    pods: Pods, *, name: str = "group-oom", limit: int = 32 * MIB, idle: int = 3
) -> Case:
    """A child exceeds the limit, and all die with it: itself, the init and `idle` sleepers.

    6.1 kills the first victim once more with the group: it counts (and prints) one kill too many.
    """
    argv = ["/bin/work", "crowd", str(idle), "fork", "wait", "eat", "64"]
    pod = pods.create(name, memory_max=limit + 32 * MIB)
    return _case(pod, argv, limit, True, processes=idle + 2, survives=False)


def _case(
    pod: Pod, argv: list[str], limit: int, oom_group: bool, *, processes: int, survives: bool
) -> Case:
    container = pod.container("main", argv, memory_max=limit, oom_group=oom_group)
    container.wait_ready(processes)
    expected = _expected(container, limit, oom_group, processes=processes, survives=survives)
    return Case(expected=expected, container=container)


def _expected(
    container: Container, limit: int, oom_group: bool, *, processes: int, survives: bool
) -> Expected:
    return Expected(
        limit_group=container.group,
        limit_bytes=limit,
        victim_group=container.group,
        processes=processes,
        group_kill=oom_group,
        survives=survives,
    )
