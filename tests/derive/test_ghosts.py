"""agent.derive.ghosts: what one side knows and the other does not."""

from __future__ import annotations

import pytest

from agent.model.afterlife import Life, RuntimeState
from agent.model.process import ProcessCapture
from tests.derive.afterlife_sample import MAIN, SANDBOX, SIDE, World, names, with_init


@pytest.fixture
def world() -> World:
    world = World()
    world.pod()
    return world


def test_a_ghost_needs_two_answers(world: World) -> None:
    """The first is a suspicion; the one after the grace makes the claim."""
    record = world.cgroup(MAIN, 7)
    world.listed(SANDBOX, sandbox=True)
    assert world.ask().ghosts == ()
    first = world.now
    assert world.fold.suspicious
    assert world.ask(9).ghosts == ()
    [ghost] = world.ask(1).ghosts
    assert (ghost.container, ghost.cgroup) == (names(MAIN), record.place.path)
    assert (ghost.since_boottime_ns, ghost.asked_boottime_ns) == (first, world.now)
    assert ghost.known == 1
    assert world.fold.wants_tasks(world.now) == {record.id: record.place.path}


def test_a_container_that_is_being_made(world: World) -> None:
    """Its cgroup comes first: the answer that knows it ends the suspicion."""
    world.cgroup(MAIN, 7)
    world.ask()
    world.listed(MAIN)
    assert world.ask(20).ghosts == ()
    assert not world.fold.suspicious


def test_an_answer_must_be_asked_for_after_the_process_was_seen(world: World) -> None:
    """An empty cgroup counts for nothing, however long it is not listed."""
    record = world.cgroup(MAIN, 7)
    world.empty(record)
    world.ask()
    world.ask(20)
    world.lives[record.id] = Life(populated=True)
    assert world.ask(20).ghosts == ()
    world.lives[record.id] = Life()  # cannot be read: nothing is known
    assert world.ask(20).ghosts == ()


def test_no_ghost_while_the_runtime_is_silent(world: World) -> None:
    """What was claimed before is not claimed then, and is again with the first whole answer."""
    world.cgroup(MAIN, 7)
    world.ask()
    assert world.ask(20).ghosts
    report = world.ask(silent=True)
    assert (report.ghosts, report.runtime_answers) == ((), False)
    assert world.ask().ghosts


def test_a_ghost_ends_with_its_processes(world: World) -> None:
    record = world.cgroup(MAIN, 7)
    world.ask()
    assert world.ask(20).ghosts
    world.empty(record)
    assert world.look().ghosts == ()


def test_hollow(world: World) -> None:
    """RUNNING, and no process; the sandbox does not count, for it need not have one."""
    record = with_init(world, world.cgroup(MAIN, 7), 434)
    world.empty(record)
    world.empty(world.cgroup(SANDBOX, 6))
    world.listed(SANDBOX, sandbox=True)
    world.listed(MAIN)
    assert world.ask().hollow == ()
    first = world.now
    [hollow] = world.ask(10).hollow
    assert (hollow.container.id, hollow.cgroup) == (MAIN, record.place.path)
    assert (hollow.since_boottime_ns, hollow.init_pid, hollow.init_state) == (first, 434, "")
    assert world.fold.wants_inits() == {434}
    world.inits[434] = ProcessCapture(
        pid=434, comm="work", state="S", start_boottime_ns=1, cgroup="/lab"
    )
    [hollow] = world.report().hollow
    assert (hollow.init_state, hollow.init_cgroup) == ("S", "/lab")
    world.lives[record.id] = Life(populated=True)
    assert world.look().hollow == ()


def test_hollow_without_a_cgroup(world: World) -> None:
    """Also of a container that ended before the agent came, for its pod is there."""
    world.listed(MAIN)
    world.ask()
    [hollow] = world.ask(10).hollow
    assert hollow.cgroup == ""
    world.listed(MAIN, RuntimeState.EXITED)
    assert world.ask().hollow == ()


def test_a_container_elsewhere_is_not_hollow() -> None:
    """Of which neither a cgroup nor its pod's was ever seen: it may run outside of kubepods."""
    world = World()
    world.listed(SIDE)
    world.ask()
    assert world.ask(60).hollow == ()
