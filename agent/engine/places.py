"""Where a victim was, when it and its cgroup are gone: the flight recorder, read in a worker.

Many questions are answered by one reading: what is asked while one runs waits for the next. Nothing
of it runs on the event loop but the hand-over. While forks are recorded, the cgroups' lists are
scanned again before the ring forgets what happened since the last scan.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct, field

from agent.engine.board import SourceBoard
from agent.engine.node import Spawn
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.inventory.ancestry import Ancestry, Found, Scan
from agent.model.absence import Absence, Absent, ParseError
from agent.model.evidence import TraceSeen
from agent.model.oom import Attribution
from agent.observe.recorder import NAME, Recorder

T = TypeVar("T")

Victims = tuple[tuple[int, int], ...]  # (pid, when it was killed, ns)

READ_SECONDS = 30.0
SCAN_LEAST_SECONDS, SCAN_MOST_SECONDS = 1.0, 15.0
SCANS_A_WINDOW = 3
REOPEN_SECONDS = 30.0
MAX_REST_SECONDS = 2.0
"""A reading is followed by a rest as long as itself, but for no longer than this."""
ATTEMPTS, LATE_REST_SECONDS = 6, 10.0
"""A reading that is late goes on in its thread, and the next one goes on from where it got: what
was asked is asked again, so that a slow machine costs time and no answer.
"""


class _Question(Struct, eq=False):
    victims: Victims
    found: dict[int, Found] = field(default_factory=dict)
    answered: bool = False


class PlaceFinder:
    """Owns the recorder, which is opened when it is first needed and again when it failed."""

    def __init__(
        self,
        *,
        open_recorder: Callable[[], Recorder] | None,
        scan: Callable[[], dict[int, str]],
        path_of: Callable[[int], str | None],
        workers: Workers,
        clock: Clock,
        board: SourceBoard,
        spawn: Spawn,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`open_recorder` is None where there is to be none. `path_of` tells the path of a cgroup
        that is followed, or was until lately, by inode.
        """
        self._open_recorder = open_recorder
        self._scan = scan
        self._path_of = path_of
        self._workers = workers
        self._clock = clock
        self._board = board
        self._spawn = spawn
        self._rest = rest
        self._ancestry = Ancestry()
        self._recorder: Recorder | None = None
        self._one_at_a_time = threading.Lock()
        self._turn = asyncio.Lock()
        self._waiting: list[_Question] = []
        self._due_ns = 0
        self._busy = False

    @property
    def window_seconds(self) -> float | None:
        """How far back the recorder reaches: the age of its oldest event; None if it is empty."""
        recorder = self._recorder
        if recorder is None or recorder.oldest_us is None:
            return None
        return max(0.0, self._clock.boottime_ns() / 1e9 - recorder.oldest_us / 1e6)

    @property
    def buffer_bytes(self) -> int:
        """Kernel memory of its ring."""
        return 0 if self._recorder is None else self._recorder.buffer_bytes

    async def begin(self) -> list[TraceSeen]:
        """Open the recorder and read it whole; the victims in it, for a restart may need them."""
        if self._open_recorder is None:
            return []
        seen = await self._work(self._begin, READ_SECONDS)
        self._schedule()
        return [] if seen is None else seen

    async def find(self, victims: Victims) -> dict[int, tuple[str, Attribution]]:
        """The victims' cgroups by pid, of those of which anything tells."""
        if self._open_recorder is None:
            return {}
        question = _Question(victims)
        self._waiting.append(question)
        async with self._turn:
            if not question.answered:
                questions, self._waiting = self._waiting, []
                await self._answer(questions)
        return {
            pid: (self._path_of(found.inode) or found.path, found.attribution)
            for pid, found in question.found.items()
        }

    def tick(self) -> None:
        """Scan again if it is time to, or open the recorder again."""
        if self._open_recorder is None:
            return
        if not self._busy and self._clock.boottime_ns() >= self._due_ns:
            self._busy = True
            self._spawn(self._look())

    def close(self) -> None:
        """Let go of the recorder; it goes on recording."""
        if self._recorder is not None:
            self._recorder.close()

    async def _look(self) -> None:
        try:
            if self._recorder is None:
                await self.begin()
            else:
                await self._work(self._rescan, READ_SECONDS)
        finally:
            self._busy = False
            self._schedule()

    async def _answer(self, questions: list[_Question]) -> None:
        started_ns = self._clock.boottime_ns()
        asked = {victim for question in questions for victim in question.victims}
        found = await self._patiently(lambda: self._look_up(asked))
        for question in questions:
            question.answered = True
            for victim in question.victims:
                where = None if found is None else found[victim]
                if where is not None:
                    question.found[victim[0]] = where
        if self._waiting:
            took_seconds = (self._clock.boottime_ns() - started_ns) / 1e9
            await self._rest(min(took_seconds, MAX_REST_SECONDS))

    async def _patiently(self, part: Callable[[], T]) -> T | None:
        """As `_work`, but what is late is tried again."""
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return await self._attempt(part, READ_SECONDS)
            except (Abandoned, TooManyAbandoned):
                if attempts_left:
                    await self._rest(LATE_REST_SECONDS)
            except (SourceAbsent, ParseError):
                break
        return None

    async def _work(self, part: Callable[[], T], seconds: float) -> T | None:
        """Run in a worker; None if it failed, and that is published."""
        try:
            return await self._attempt(part, seconds)
        except (SourceAbsent, ParseError, Abandoned, TooManyAbandoned):
            return None

    async def _attempt(self, part: Callable[[], T], seconds: float) -> T:
        """Run in a worker. Publishes how that went, and raises what it raises."""
        try:
            result = await self._workers.run(part, deadline_seconds=seconds)
        except SourceAbsent as error:
            self._board.absent(NAME, error.absent)
            raise
        except (ParseError, Abandoned, TooManyAbandoned) as error:
            self._board.absent(NAME, Absent(absence=Absence.FAILED, detail=str(error)))
            raise
        if self._recorder is not None:
            self._board.up(NAME, _detail(self._recorder))
            self._board.count(NAME, self._recorder.records)
        return result

    def _schedule(self) -> None:
        seconds = REOPEN_SECONDS
        if self._recorder is not None:
            window = self.window_seconds if self._recorder.overwrites else None
            seconds = SCAN_MOST_SECONDS if window is None else window / SCANS_A_WINDOW
            seconds = min(max(seconds, SCAN_LEAST_SECONDS), SCAN_MOST_SECONDS)
        self._due_ns = self._clock.boottime_ns() + int(seconds * 1e9)

    # In a worker

    def _begin(self) -> list[TraceSeen]:
        with self._one_at_a_time:
            if self._recorder is None and self._open_recorder is not None:
                self._recorder = self._open_recorder()
            began_us = self._clock.boottime_ns() // 1000
            seen = self._with_recorder(self._read) or []
            self._know_from(began_us)
            self._with_recorder(self._scan_lists)
            return seen

    def _know_from(self, now_us: int) -> None:
        """What happened before the recorder's oldest event is not known: a pid that is seen later
        may have been another process's then.
        """
        if self._recorder is not None:
            oldest_us = self._recorder.oldest_us
            self._ancestry.missed_until(now_us if oldest_us is None else oldest_us)

    def _rescan(self) -> None:
        with self._one_at_a_time:
            self._with_recorder(lambda recorder: recorder.look())
            self._with_recorder(self._scan_lists)

    def _look_up(self, victims: set[tuple[int, int]]) -> dict[tuple[int, int], Found | None]:
        with self._one_at_a_time:
            if self._recorder is None or not self._recorder.forks:
                return dict.fromkeys(victims)
            self._with_recorder(self._read)
            return {
                (pid, killed_ns): self._ancestry.victim(pid, killed_ns // 1000)
                for pid, killed_ns in victims
            }

    def _with_recorder(self, part: Callable[[Recorder], T]) -> T | None:
        """A recorder that fails is closed, and opened again later."""
        recorder = self._recorder
        if recorder is None:
            return None
        try:
            return part(recorder)
        except SourceAbsent:
            self._recorder = None
            recorder.close()
            raise

    def _read(self, recorder: Recorder) -> list[TraceSeen]:
        heard_us = recorder.heard_us
        seen = []
        for event in recorder.read():
            if isinstance(event, TraceSeen):
                seen.append(event)
            else:
                self._ancestry.hear(event)
        oldest_us = recorder.oldest_us
        if recorder.overwrites and oldest_us is not None and oldest_us > heard_us:
            self._ancestry.missed_until(oldest_us)
        return seen

    def _scan_lists(self, recorder: Recorder) -> None:
        if recorder.forks:
            began_us = self._clock.boottime_ns() // 1000
            self._ancestry.scanned(Scan(began_us, self._scan()))


def _detail(recorder: Recorder) -> str:
    return "kills, forks and moves" if recorder.forks else "kills only"
