"""agent.host.worker: calls that may never come back."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from agent.host.worker import Abandoned, Pools, TooManyAbandoned, Workers

AT_ONCE = 0.001  # seconds; of a call that never returns
LONG = 30.0  # seconds; no test waits for it


class Hang:
    """A function that returns only when the test lets go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.let_go.wait()
        return "late"


@pytest.fixture
def hang() -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.let_go.set()


async def settle(condition: Callable[[], bool]) -> None:
    """Give way to the threads until it holds; each look costs one thread hop, none a sleep."""
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.to_thread(lambda: None)


async def test_result_and_exception_reach_the_caller() -> None:
    """What the function returns is returned and what it raises is raised, a TimeoutError too."""
    workers = Workers(1)

    def fail(error: BaseException) -> None:
        raise error

    assert await workers.run(divmod, 7, 2, deadline_seconds=LONG) == (3, 1)
    for error in (OSError(5, "Input/output error"), TimeoutError("of the function's own")):
        with pytest.raises(type(error)) as caught:
            await workers.run(fail, error, deadline_seconds=LONG)
        assert caught.value is error
    assert workers.abandoned == 0


async def test_threads_are_used_again() -> None:
    """Calls one after the other need one thread."""
    workers = Workers(8)
    threads = {await workers.run(threading.get_ident, deadline_seconds=LONG) for _ in range(20)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


async def test_many_calls_share_the_threads() -> None:
    """More calls than threads: all are served, by at most `limit` threads."""
    workers = Workers(3)
    idents = await asyncio.gather(
        *(workers.run(threading.get_ident, deadline_seconds=LONG) for _ in range(200))
    )
    assert 1 <= len(set(idents)) <= 3


async def test_deadline_abandons_the_thread(hang: Hang, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the deadline the caller goes on; the thread is counted until its call returns."""
    wait = asyncio.wait

    async def once_begun(futures: Iterable[asyncio.Future[str]], **when: float) -> object:
        await asyncio.to_thread(hang.begun.wait)
        return await wait(futures, timeout=when["timeout"])

    workers = Workers(2)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "wait", once_begun)
        with pytest.raises(Abandoned, match=r"did not return within 0\.001 s; its thread is left"):
            await workers.run(hang, deadline_seconds=AT_ONCE)
    assert (workers.abandoned, workers.busy) == (1, 1)
    assert await workers.run(lambda: "free", deadline_seconds=LONG) == "free"
    hang.let_go.set()
    await settle(lambda: workers.abandoned == 0)
    assert workers.busy == 0


async def test_refusal_when_all_threads_are_stuck(hang: Hang) -> None:
    """With every thread stuck a call is refused at once, and served again once one comes back."""
    workers = Workers(2)
    stuck = [asyncio.create_task(workers.run(hang, deadline_seconds=LONG)) for _ in range(2)]
    await asyncio.to_thread(hang.begun.wait)
    await settle(lambda: workers.busy == 2)
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert workers.abandoned == 2
    with pytest.raises(TooManyAbandoned, match="all 2 threads are stuck"):
        await workers.run(divmod, 1, 1, deadline_seconds=LONG)
    hang.let_go.set()
    await settle(lambda: workers.abandoned == 0)
    assert await workers.run(divmod, 1, 1, deadline_seconds=LONG) == (1, 0)


async def test_one_thread_is_lost_to_what_hangs(hang: Hang) -> None:
    """While a call of a key is stuck, others of it are refused; it is asked again when it is back.
    Calls of other keys, and of none, are served.
    """
    workers = Workers(2)
    stuck = asyncio.create_task(workers.run(hang, deadline_seconds=LONG, key="disk"))
    await asyncio.to_thread(hang.begun.wait)
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
    for _ in range(5):
        with pytest.raises(TooManyAbandoned, match="the call before has not returned"):
            await workers.run(hang, deadline_seconds=LONG, key="disk")
        assert await workers.run(divmod, 1, 1, deadline_seconds=LONG, key="memory") == (1, 0)
        assert await workers.run(divmod, 1, 1, deadline_seconds=LONG) == (1, 0)
    assert workers.abandoned == 1
    hang.let_go.set()
    await settle(lambda: workers.abandoned == 0)
    assert await workers.run(hang, deadline_seconds=LONG, key="disk") == "late"


async def test_waiting_for_a_thread_counts_against_the_deadline(hang: Hang) -> None:
    """A call that got no thread in time says so, leaves none behind, and never runs later."""
    workers = Workers(1)
    first = asyncio.create_task(workers.run(hang, deadline_seconds=LONG))
    await asyncio.to_thread(hang.begun.wait)
    ran: list[int] = []
    with pytest.raises(Abandoned, match=r"got no free thread within 0\.001 s: all 1 are busy"):
        await workers.run(ran.append, 1, deadline_seconds=AT_ONCE)
    assert workers.abandoned == 0
    hang.let_go.set()
    assert await first == "late"
    assert await workers.run(lambda: ran, deadline_seconds=LONG) == []


async def test_waiting_line_is_bounded(hang: Hang) -> None:
    """Calls beyond `waiting_limit` are refused, not queued."""
    workers = Workers(1, waiting_limit=1)
    first = asyncio.create_task(workers.run(hang, deadline_seconds=LONG))
    await asyncio.to_thread(hang.begun.wait)
    second = asyncio.create_task(workers.run(lambda: "second", deadline_seconds=LONG))
    await asyncio.sleep(0)
    with pytest.raises(TooManyAbandoned, match="1 calls wait for 1 threads"):
        await workers.run(divmod, 1, 1, deadline_seconds=LONG)
    hang.let_go.set()
    assert [await first, await second] == ["late", "second"]


async def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """pids.max of our own cgroup: a refusal in words, and the line stays clean."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    workers = Workers(1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(TooManyAbandoned, match="can't start new thread"):
            await workers.run(divmod, 1, 1, deadline_seconds=LONG)
    assert await workers.run(divmod, 1, 1, deadline_seconds=LONG) == (1, 0)


async def test_what_is_stuck_is_counted_over_all_pools(hang: Hang) -> None:
    """Each has threads of its own; together they tell how many hang."""
    pools = Pools()
    some, others = pools.new(1, name="some"), pools.new(2, name="others")
    stuck = [asyncio.create_task(p.run(hang, deadline_seconds=LONG)) for p in (some, others)]
    await settle(lambda: some.busy == others.busy == 1)
    assert pools.abandoned == 0
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert (some.abandoned, others.abandoned, pools.abandoned) == (1, 1, 2)
    hang.let_go.set()
    await settle(lambda: pools.abandoned == 0)


def test_limit_must_be_positive() -> None:
    """No thread at all would be a deadlock."""
    with pytest.raises(ValueError, match="limit must be at least 1"):
        Workers(0)


async def test_exit_does_not_wait_for_a_stuck_thread() -> None:
    """The interpreter ends although a call still hangs."""
    program = (
        "import asyncio, threading\n"
        "from agent.host.worker import Abandoned, Workers\n"
        "async def main():\n"
        "    try:\n"
        "        await Workers(1).run(threading.Event().wait, deadline_seconds=0.05)\n"
        "    except Abandoned:\n"
        "        print('left')\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    async with asyncio.timeout(LONG):
        out, _ = await child.communicate()
    assert (child.returncode, out) == (0, b"left\n")
