"""agent.derive.undying: those that were asked to die and did not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.derive.undying import TaskBook
from agent.model.afterlife import Kill, Life, RuntimeState, Task, TaskList
from agent.model.cgroup import CgroupId
from tests.derive.afterlife_sample import MAIN, SECOND, World

KEY = CgroupId(hierarchy="v2", inode=7)


@pytest.fixture
def world() -> World:
    world = World()
    world.pod()
    return world


def kill(world: World) -> Kill:
    return Kill(pid=434, boottime_ns=world.now, sender_pid=370, sender_comm="runc")


def test_killed_and_there(world: World) -> None:
    """From the SIGKILL on; frozen is told as a fact."""
    record = world.cgroup(MAIN, 7)
    world.lives[record.id] = Life(populated=True, frozen=True)
    world.kills[record.id] = sent = kill(world)
    assert world.look(9).undying == ()
    [undying] = world.look(1).undying
    assert (undying.since_boottime_ns, undying.kill, undying.frozen) == (
        sent.boottime_ns,
        sent,
        True,
    )
    assert world.fold.wants_tasks(world.now) == {record.id: record.place.path}
    world.kills.clear()  # it has died
    assert world.look().undying == ()


def test_exited_and_there(world: World) -> None:
    """From when that was seen first; a runtime that falls silent takes nothing back."""
    record = world.cgroup(MAIN, 7)
    world.listed(MAIN, RuntimeState.EXITED)
    world.ask()
    world.look()
    since = world.now
    assert world.look(9).undying == ()
    [undying] = world.look(1).undying
    assert (undying.since_boottime_ns, undying.runtime_says_exited) == (since, True)
    world.ask(silent=True)
    assert world.look().undying
    world.empty(record)
    assert world.look().undying == ()


def test_alive_and_well(world: World) -> None:
    world.cgroup(MAIN, 7)
    world.listed(MAIN)
    world.ask()
    assert world.look(600).undying == ()


def test_since_when_a_task_waits() -> None:
    """In the same state and the same function, at every look; another start is another task."""
    book = TaskBook()
    task = Task(pid=9, tid=9, comm="work", state="D", start_boottime_ns=1, wchan="folio_wait")
    other = replace(task, tid=10, pid=9)

    def since(now: int, *tasks: Task) -> list[int | None]:
        found = book.observe(now, {KEY: TaskList(tasks=tasks)})
        return [task.since_boottime_ns for task in found[KEY].tasks]

    assert since(1 * SECOND, task) == [1 * SECOND]
    assert since(2 * SECOND, task, other) == [1 * SECOND, 2 * SECOND]
    assert since(3 * SECOND, replace(task, wchan="jbd2_log_wait"), other) == [
        3 * SECOND,
        2 * SECOND,
    ]
    assert since(4 * SECOND, replace(task, start_boottime_ns=2)) == [4 * SECOND]
    assert book.observe(5 * SECOND, {}) == {}
    assert since(6 * SECOND, task) == [6 * SECOND]
