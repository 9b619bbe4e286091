"""agent.derive.dead_pods: pods in which nothing lives."""

from __future__ import annotations

import pytest

from agent.inventory.names import ContainerKind
from agent.model.afterlife import DeadContainer, Life, RuntimeState
from tests.derive.afterlife_sample import MAIN, SANDBOX, SIDE, UID, World, names


@pytest.fixture
def world() -> World:
    """A pod with its sandbox alive."""
    world = World()
    world.pod()
    world.cgroup(SANDBOX, 6, ContainerKind.SANDBOX)
    return world


def test_dead_since_the_last_one_ended(world: World) -> None:
    """From the kernel alone, the runtime having said nothing; the exits are what it adds."""
    main, side = world.cgroup(MAIN, 7), world.cgroup(SIDE, 8)
    world.look()
    world.remove(main)
    world.look()
    world.remove(side)
    ended = world.now
    assert world.look(29).dead_pods == ()
    [pod] = world.look(1).dead_pods
    assert (pod.pod.pod_uid, pod.since_boottime_ns, pod.sandbox_alive) == (UID, ended, True)
    assert world.fold.wants_exits(world.now) == (MAIN, SIDE)
    world.exits[MAIN] = (1, "Error, exit code 1")
    assert world.report().dead_pods[0].containers == (
        DeadContainer(names=names(MAIN), exit_code=1, runtime_says="Error, exit code 1"),
        DeadContainer(names=names(SIDE)),
    )


def test_a_restart_ends_it(world: World) -> None:
    """And of the attempts of one container only the last is told."""
    world.remove(world.cgroup(MAIN, 7))
    world.look()
    assert world.look(40).dead_pods
    again = "c" * 64
    record = world.cgroup(again, 9)
    world.inventory.named(record.id, names(MAIN), ContainerKind.CONTAINER)
    assert world.look().dead_pods == ()
    world.remove(record)
    assert world.look(29).dead_pods == ()
    [pod] = world.look(2).dead_pods
    assert len(pod.containers) == 1


@pytest.mark.parametrize("attempts", [(0, 1), (1, 0)], ids=["in order", "out of order"])
def test_the_last_attempt_is_told(world: World, attempts: tuple[int, int]) -> None:
    """Of two that were dead before the agent came the runtime's list is in no order."""
    world.listed(SANDBOX, sandbox=True)
    for attempt in attempts:
        key = "cd"[attempt] * 64
        world.listed(key, RuntimeState.EXITED, attempt=attempt, name="main")
        world.exits[key] = (attempt, f"exit code {attempt}")
    world.ask()
    world.look()
    [pod] = world.look(40).dead_pods
    assert [each.runtime_says for each in pod.containers] == ["exit code 1"]


def test_dead_before_the_agent_came(world: World) -> None:
    """The runtime's list tells of them; since when is not known, so it counts from now on."""
    world.listed(SANDBOX, sandbox=True)
    world.listed(MAIN, RuntimeState.EXITED)
    world.ask()
    world.look()
    [pod] = world.look(30).dead_pods
    assert [container.names.id for container in pod.containers] == [MAIN]


@pytest.mark.parametrize("state", [RuntimeState.CREATED, RuntimeState.RUNNING])
def test_one_that_is_about_to_start(world: World, state: RuntimeState) -> None:
    """Or that runs where we do not look."""
    world.remove(world.cgroup(MAIN, 7))
    world.listed(SIDE, state)
    world.ask()
    world.look()
    assert world.look(60).dead_pods == ()


def test_a_new_pod_is_not_dead(world: World) -> None:
    """It has a sandbox, and its images are being pulled."""
    world.look()
    assert world.look(600).dead_pods == ()


def test_what_cannot_be_read_is_not_dead(world: World) -> None:
    record = world.cgroup(MAIN, 7)
    world.lives[record.id] = Life()
    world.look()
    assert world.look(600).dead_pods == ()


def test_the_sandbox_is_dead_too(world: World) -> None:
    world.remove(world.cgroup(MAIN, 7))
    for record in list(world.inventory.alive()):
        world.empty(record)
    world.look()
    [pod] = world.look(60).dead_pods
    assert not pod.sandbox_alive


def test_the_pod_goes(world: World) -> None:
    world.remove(world.cgroup(MAIN, 7))
    world.look()
    pod = world.inventory.pod(UID)
    assert pod is not None
    world.inventory.vanished(pod.path, 2, world.now)
    world.lives.clear()
    assert world.look(60).dead_pods == ()
