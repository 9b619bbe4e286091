"""Threads for calls that may never come back.

A read of a dead mount, of /proc/PID/cmdline behind a stuck task or of a failing disk sleeps in the
kernel, where nothing can interrupt it. Such a call runs in a thread of its own; when its deadline
has passed, the caller goes on and the thread is left to its fate, counted, and used again should
the call ever return.

The threads are daemons and unknown to `concurrent.futures`, whose exit handler would join them:
the interpreter's end waits for none of them. (A thread in state D still keeps the dead process in
the kernel's table until its sleep ends. No program can change that.)
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class Abandoned(TimeoutError):  # noqa: N818 - what happened, as VANISHED and the like
    """The call did not end by its deadline; its thread, if it had got one, is left behind."""


class TooManyAbandoned(RuntimeError):  # noqa: N818
    """The call was refused: all our threads are stuck, an earlier call of its key is, or too many
    calls wait.
    """


class _Call:
    """One call on its way through a thread. Both flags belong to Workers' lock."""

    __slots__ = ("finished", "function", "future", "key", "loop", "started")

    def __init__(
        self, function: Callable[[], Any], key: Hashable, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.function = function
        self.key = key
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.started = False
        self.finished = False

    def run(self) -> Callable[[], None]:
        """In the thread: call the function. Returns what brings the outcome to the caller."""
        try:
            result = self.function()
        except BaseException as error:  # noqa: BLE001 - nothing is swallowed: the caller gets it
            return partial(self._fail, error)
        return partial(self._succeed, result)

    def _succeed(self, result: object) -> None:
        if not self.future.done():  # it was cancelled when the caller gave up
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Workers:
    """At most `limit` daemon threads, started when needed and used again.

    While all are busy, a call waits for one within its own deadline, and at most `waiting_limit`
    calls wait. While all are stuck behind deadlines that have passed, calls are refused at once.
    """

    def __init__(self, limit: int, *, waiting_limit: int = 1024, name: str = "worker") -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self.limit = limit
        self._waiting_limit = waiting_limit
        self._name = name
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._waiting: deque[_Call] = deque()
        self._threads = 0
        self._busy = 0
        self._stuck: set[_Call] = set()  # begun, not back, and their callers have gone on

    @property
    def abandoned(self) -> int:
        """Threads that are stuck now: in a call whose caller has gone on."""
        return len(self._stuck)

    @property
    def busy(self) -> int:
        """Threads that are in a call now, the stuck ones included."""
        return self._busy

    async def run(
        self,
        function: Callable[[*Ts], T],
        *args: *Ts,
        deadline_seconds: float,
        key: Hashable = None,
    ) -> T:
        """Run `function(*args)` in a thread; its result, or whatever it raises.

        Raises `Abandoned` after `deadline_seconds`, the wait for a free thread included, and
        `TooManyAbandoned` at once when there is no thread left to hope for. A caller that is
        cancelled leaves its thread behind in the same way.

        `key` names what may hang. While a call of it is stuck, the next one is refused at once:
        who asks again and again loses one thread to it, not all.
        """
        call = _Call(lambda: function(*args), key, asyncio.get_running_loop())
        self._submit(call)
        try:
            await asyncio.wait((call.future,), timeout=deadline_seconds)
        finally:
            started = self._leave(call)
        if call.future.cancelled():
            raise Abandoned(
                f"did not return within {deadline_seconds:g} s; its thread is left behind"
                if started
                else f"got no free thread within {deadline_seconds:g} s: all {self.limit} are busy,"
                f" {len(self._stuck)} of them stuck"
            )
        result: T = call.future.result()
        return result

    def _submit(self, call: _Call) -> None:
        with self._lock:
            if call.key is not None and any(stuck.key == call.key for stuck in self._stuck):
                raise TooManyAbandoned("refused: the call before has not returned")
            if len(self._stuck) >= self.limit:
                raise TooManyAbandoned(
                    f"refused: all {self.limit} threads are stuck in calls that never return"
                )
            if len(self._waiting) >= self._waiting_limit:
                raise TooManyAbandoned(
                    f"refused: {len(self._waiting)} calls wait for {self.limit} threads,"
                    f" {len(self._stuck)} of them stuck"
                )
            self._waiting.append(call)
            if self._threads - self._busy >= len(self._waiting):
                self._work.notify()
            elif self._threads < self.limit:
                self._start_thread(call)

    def _start_thread(self, call: _Call) -> None:
        try:
            threading.Thread(
                target=self._serve, name=f"{self._name}-{self._threads}", daemon=True
            ).start()
        except RuntimeError as error:  # pids.max or memory of our own cgroup
            if not self._threads:
                self._waiting.remove(call)
                raise TooManyAbandoned(f"refused: {error}") from error
        else:
            self._threads += 1

    def _leave(self, call: _Call) -> bool:
        """The caller goes on. Whether the call had got a thread."""
        if call.future.done():
            return True
        call.future.cancel()
        with self._lock:
            if not call.started:
                self._waiting.remove(call)
            elif not call.finished:
                self._stuck.add(call)
            return call.started

    def _serve(self) -> None:
        """The life of one thread."""
        while True:
            with self._work:
                while not self._waiting:
                    self._work.wait()
                call = self._waiting.popleft()
                call.started = True
                self._busy += 1
            deliver = call.run()
            with self._lock:  # first free, then heard of: the caller's next call finds this thread
                call.finished = True
                self._busy -= 1
                self._stuck.discard(call)
            # A closed loop means that the agent ends: nobody waits any more.
            with contextlib.suppress(RuntimeError):
                call.loop.call_soon_threadsafe(deliver)
            del call, deliver  # an idle thread must not keep the last result alive


class Pools:
    """Everybody's workers, so that what is stuck is counted, whoever waited for it."""

    def __init__(self) -> None:
        self._pools: list[Workers] = []

    def new(self, limit: int, *, name: str) -> Workers:
        """As Workers."""
        workers = Workers(limit, name=name)
        self._pools.append(workers)
        return workers

    @property
    def abandoned(self) -> int:
        """Threads that are stuck now, of all."""
        return sum(workers.abandoned for workers in self._pools)

    @property
    def limit(self) -> int:
        """Threads that there may be at most, of all."""
        return sum(workers.limit for workers in self._pools)
