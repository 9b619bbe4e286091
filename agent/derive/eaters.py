"""Who ate the memory: the growth of working sets over one and five minutes.

One figure per cgroup and ten seconds is kept, 250 bytes for each cgroup.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from agent.model.cgroup import CgroupId
from agent.model.memory import Eater
from agent.model.oom import Container
from agent.model.usage import CgroupKind, CgroupSample, Sweep

STEP_NS = 10 * 1_000_000_000
ONE_MINUTE = 6  # steps
FIVE_MINUTES = 30
_KINDS = frozenset({CgroupKind.CONTAINER, CgroupKind.SERVICE})


class Eaters:
    """A fold over sweeps."""

    def __init__(self) -> None:
        self._history: dict[CgroupId, array[int]] = {}
        self._latest: Sweep | None = None
        self._step_ns = 0  # when the last figure was kept
        self._older: set[CgroupId] = set()
        """Without a figure yet, and there before the sweep first came to them."""

    def observe(self, sweep: Sweep) -> None:
        """Take note of one sweep."""
        known, latest = self._history, self._latest
        keep = latest is None or sweep.ended_boottime_ns - self._step_ns >= STEP_NS
        self._older |= sweep.late
        self._latest = sweep
        if not keep:
            return
        self._step_ns = sweep.ended_boottime_ns
        kept: dict[CgroupId, array[int]] = {}
        for key, sample in sweep.samples.items():
            if sample.memory is None or sample.kind not in _KINDS:
                continue
            history = known.get(key)
            if history is None:  # what began under our eyes began with nothing
                history = array("Q") if key in self._older else array("Q", (0,))
            kept[key] = _with(history, sample.memory.working_set)
        for key in sweep.failed & known.keys():  # as large as it was, for all that is known
            kept[key] = _with(known[key], known[key][-1])
        self._history = kept
        self._older &= sweep.failed  # who could not be read has no figure yet

    def top(
        self, count: int, names: Callable[[CgroupSample], Container | None]
    ) -> tuple[Eater, ...]:
        """The `count` that grew most, the most first; who did not grow is none."""
        if self._latest is None:
            return ()
        found = []
        for key, sample in self._latest.samples.items():
            if sample.memory is None or sample.kind not in _KINDS:
                continue
            now = sample.memory.working_set
            one, five = self._grown(key, now, ONE_MINUTE), self._grown(key, now, FIVE_MINUTES)
            if one > 0 or five > 0:
                found.append((max(one, five), one, five, sample))
        found.sort(key=lambda entry: -entry[0])
        return tuple(
            Eater(
                container=names(sample) if sample.kind is CgroupKind.CONTAINER else None,
                unit=sample.place.unit or sample.place.path,
                working_set=sample.memory.working_set if sample.memory else 0,
                grown_1m=one,
                grown_5m=five,
            )
            for _, one, five, sample in found[:count]
        )

    def _grown(self, key: CgroupId, now: int, steps: int) -> int:
        history = self._history.get(key)
        if history is None:
            return 0 if key in self._older else now  # it came since the last step
        return now - history[max(0, len(history) - 1 - steps)]


def _with(history: array[int], working_set: int) -> array[int]:
    history.append(working_set)
    if len(history) > FIVE_MINUTES + 1:
        del history[0]
    return history
