"""Hundreds of kills beneath a pod, in cgroups that are gone within milliseconds; forks beside them.

The storm, the forks and the readers of counters run in the guest (guest/storm.c, forks.c,
leafwatch.c): nothing here has to be fast. What a storm tells is the truth to hold others against.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.layer import LIBRARY
from tests.lab.pods import Pod
from tests.lab.wire import Process

STORM_SECONDS = 600.0
END_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafKill:
    """One cgroup of a storm: it was made, its limit fired, it is gone."""

    cgroup: str
    """Its path, as the kernel prints it."""
    counted: int
    """oom_kill of its memory.events when the last process in it had been reaped."""
    pids: tuple[int, ...]
    """Who was killed in it."""


class Storm:
    """A storm beneath one cgroup, from its start on."""

    def __init__(
        self, group: Group, *, kills: int, parallel: int = 1, mib: int = 4, options: str = ""
    ) -> None:
        """`options` are those of guest/storm.c: "group", "clone", "deep 2", "hold 250 6000"."""
        self.group = group
        self.kills = kills
        argv = [f"/{LIBRARY}/storm", group.directory, str(kills), str(parallel), str(mib)]
        self._process: Process = group.guest.start([*argv, *options.split()])

    def so_far(self) -> tuple[LeafKill, ...]:
        """The cgroups that are gone by now."""
        return tuple(self._leaf(line) for line in _whole_lines(self._process.out, "kill "))

    def wait_for(self, kills: int) -> None:
        """Wait until so many cgroups are gone."""
        until(
            lambda: len(self.so_far()) >= kills or not self._process.running(),
            STORM_SECONDS,
            f"{kills} kills",
            lambda: self._process.err,
        )

    def let_go(self) -> None:
        """End the pauses of a storm that was told to "hold"."""
        self._process.end_input()

    def finish(self) -> tuple[LeafKill, ...]:
        """Wait for its end; an error if it did not go as it should."""
        done = self._process.wait(STORM_SECONDS)
        self._process.close()
        found = self.so_far()
        if done.exit_code != 0 or len(found) != self.kills:
            raise AssertionError(f"the storm failed: {len(found)} of {self.kills}\n{done.err}")
        return found

    @property
    def seconds(self) -> float:
        """How long it took, by its own clock; once it has finished."""
        return float(_whole_lines(self._process.out, "done ")[0].split()[2])

    def _leaf(self, line: str) -> LeafKill:
        _, name, counted, pids = line.split()
        return LeafKill(
            cgroup=f"{self.group.path}/{name}",
            counted=int(counted),
            pids=tuple(map(int, pids.split(","))),
        )


@dataclass(slots=True, kw_only=True)
class Forks:
    """Fork noise; the numbers are there once it has ended."""

    made: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Forks a second, as they really were."""
        return self.made / self.seconds


@contextmanager
def forks(guest: Guest, rate: int, workers: int = 2) -> Iterator[Forks]:
    """As many trivial processes a second as are asked for, or as the machine can make."""
    process = guest.start([f"/{LIBRARY}/forks", str(rate), str(workers)])
    noise = Forks()
    try:
        yield noise
        process.end_input()
        words = process.wait(END_SECONDS).out.split()
        noise.made, noise.seconds, noise.cpu_seconds = (
            int(words[1]),
            float(words[2]),
            float(words[3]),
        )
    finally:
        process.close()


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a reader of the leaves' counters got to see; there once it has ended."""

    leaves: int = 0
    kills: int = 0


@contextmanager
def leaf_reader(pod: Pod, how: str) -> Iterator[Seen]:
    """Reads memory.events of all that is beneath a pod: "notified", or every so many ms."""
    process = pod.node.guest.start([f"/{LIBRARY}/leafwatch", pod.group.directory, how])
    seen = Seen()
    try:
        process.wait_out("ready", END_SECONDS)
        yield seen
        process.end_input()
        (line,) = _whole_lines(process.wait(END_SECONDS).out, "seen ")
        seen.leaves, seen.kills = (int(word) for word in line.split()[1:])
    finally:
        process.close()


def _whole_lines(text: str, begin: str) -> list[str]:
    *lines, _ = text.split("\n")
    return [line for line in lines if line.startswith(begin)]
