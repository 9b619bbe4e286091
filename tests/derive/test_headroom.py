"""agent.derive.trend and agent.derive.headroom."""

from __future__ import annotations

import random

import pytest

from agent.derive.headroom import HeadroomFold
from agent.derive.trend import seconds_until, trend
from agent.model.absence import Absence, Absent
from agent.model.memory import (
    FormChoice,
    Headroom,
    MemoryForm,
    Readings,
    Room,
    RootMemory,
    Signal,
    Threshold,
)

NS = 10**9
CHOICE = FormChoice(form=MemoryForm.ANON_PLUS_FILE, reason="", assumed=False)
HARD = Threshold(signal=Signal.MEMORY, hard=True, text="100", source="", quantity=100)
SOFT = Threshold(
    signal=Signal.MEMORY, hard=False, text="200", source="", quantity=200, grace_seconds=90.0
)
DISK = Threshold(signal=Signal.NODEFS, hard=True, text="10%", source="", fraction=0.1)


def _levels(seconds: int, level: object) -> list[tuple[int, int]]:
    assert callable(level)
    return [(second * NS, int(level(second))) for second in range(seconds)]


def test_a_line_is_found_with_its_noise() -> None:
    noise = random.Random(4)
    falling = _levels(70, lambda t: 10_000_000 - 50_000 * t + noise.randint(-60_000, 60_000))
    found = trend(falling)
    assert found is not None
    assert found.window_seconds == 60
    assert found.per_second == pytest.approx(-50_000, rel=0.05)
    left = seconds_until(falling[-1][1], 1_000_000, found)
    assert left == pytest.approx((falling[-1][1] - 1_000_000) / 50_000, rel=0.05)


def test_a_line_that_begins_is_found_in_a_short_window() -> None:
    found = trend(_levels(120, lambda t: 1_000_000 - max(0, t - 100) * 5_000))
    assert found is not None
    assert found.window_seconds == 15
    assert found.per_second == pytest.approx(-5_000)


@pytest.mark.parametrize(
    "level",
    [
        lambda t: 1_000_000 - (t % 10) * 9_000,  # a sawtooth
        lambda t: 1_000_000 if t < 112 else 600_000,  # a step
    ],
)
def test_no_line(level: object) -> None:
    assert trend(_levels(120, level)) is None


def test_few_samples_are_no_line() -> None:
    assert trend([]) is None
    assert trend(_levels(7, lambda t: 100 - t)) is None
    assert trend([(0, 9), (60 * NS, 5)]) is None


def test_what_does_not_fall_meets_nothing() -> None:
    flat, rising = trend(_levels(60, lambda t: 5)), trend(_levels(60, lambda t: 5 + t))
    assert flat is not None
    assert flat.per_second == 0
    assert seconds_until(5, 1, flat) is None
    assert seconds_until(5, 1, rising) is None
    assert seconds_until(5, 1, None) is None
    assert seconds_until(1, 5, None) == 0


def test_nobody_sees_far() -> None:
    slow = trend(_levels(60, lambda t: 10**9 - t))
    assert slow is not None
    assert seconds_until(10**9, 0, slow) is None


class _Node:
    """A node whose memory.available is what a test says; one look a second."""

    def __init__(self) -> None:
        self.fold = HeadroomFold()
        self.second = 0

    def look(self, available: int | None, *thresholds: Threshold) -> tuple[Headroom, ...]:
        self.second += 1
        absent = Absent(absence=Absence.FAILED, detail="EIO")
        root = None
        if available is not None:
            root = RootMemory(total=1000, free=0, inactive_file=0, anon=1000 - available, file=0)
        return self.fold.observe(
            Readings(
                boottime_ns=self.second * NS,
                wall_ns=(10**9 + self.second) * NS,
                root=root,
                rooms=((Signal.NODEFS, Room(available=50, capacity=100)),),
                absent=() if root else ((Signal.MEMORY, absent),),
                paths=((Signal.NODEFS, "/var/lib/kubelet"),),
            ),
            thresholds or (HARD, SOFT, DISK),
            CHOICE,
        )


def test_headroom_and_crossing() -> None:
    """Strictly less crosses; the soft threshold before the hard one; it ends when it is over."""
    node = _Node()
    hard, soft, disk = node.look(200)
    assert (hard.left, soft.left, disk.left) == (100, 0, 40)
    assert not any(h.crossed for h in (hard, soft, disk))
    assert disk.where == "/var/lib/kubelet"
    hard, soft, _ = node.look(199)
    assert (hard.crossed, soft.crossed) == (False, True)
    hard, soft, _ = node.look(99)
    assert hard.left == -1
    assert hard.seconds_left == 0
    assert (hard.crossed_since_boottime_ns, soft.crossed_since_boottime_ns) == (3 * NS, 2 * NS)
    hard, soft, _ = node.look(200)
    assert not hard.crossed
    assert not soft.crossed


def test_no_time_left_of_a_sawtooth() -> None:
    """Teeth of 40 s: at whatever moment one looks, once the first is over. A leak has its time, and
    has it again when what was freed before it is five minutes past.
    """
    teeth = _Node()
    for second in range(41):
        teeth.look(900 - 10 * (second % 40))
    for second in range(41, 300):
        hard, *_ = teeth.look(900 - 10 * (second % 40))
        assert hard.seconds_left is None
        assert hard.trend is None or hard.trend.per_second >= 0
    for available in range(900, 591, -1):
        teeth.look(available)
    hard, *_ = teeth.look(591)
    assert hard.seconds_left == pytest.approx(491, abs=2)
    assert hard.trend is not None
    assert hard.trend.per_second == pytest.approx(-1)


def test_absent_is_no_crossing() -> None:
    node = _Node()
    hard, _, _ = node.look(None)
    assert (hard.room, hard.absent, hard.left, hard.crossed) == (None, "EIO", None, False)


def test_a_crossing_outlasts_a_gap() -> None:
    """Unknown is not healthy: it ends when it is read that it has."""
    node = _Node()
    node.look(50)
    hard, _, _ = node.look(None)
    assert (hard.room, hard.left, hard.crossed_since_boottime_ns) == (None, None, NS)
    hard, _, _ = node.look(500)
    assert not hard.crossed


def test_clear_without_a_break() -> None:
    """Since the first reading that was not below; a crossing or a gap begins it anew."""
    node = _Node()
    assert node.look(500)[0].clear_since_boottime_ns == NS
    assert node.look(500)[0].clear_since_boottime_ns == NS
    assert node.look(50)[0].clear_since_boottime_ns is None
    assert node.look(500)[0].clear_since_boottime_ns == 4 * NS
    assert node.look(None)[0].clear_since_boottime_ns is None
    assert node.look(500)[0].clear_since_boottime_ns == 6 * NS


def test_a_signal_without_a_threshold_is_shown() -> None:
    """With the time until nothing of it is left, and is not crossed by then either."""
    node = _Node()
    memory, disk = node.look(500, DISK)
    assert (memory.signal, memory.threshold, memory.amount) == (Signal.MEMORY, None, None)
    assert memory.seconds_left is None
    assert disk.amount == 10
    for available in range(499, 399, -1):
        memory, _ = node.look(available, DISK)
    assert memory.seconds_left == pytest.approx(400, abs=1)
    memory, _ = node.look(0, DISK)
    assert (memory.left, memory.crossed) == (None, False)


def test_was_it_crossed_then() -> None:
    """Yes up to a minute after, no only if somebody looked all that minute, else unknown."""
    node = _Node()
    assert node.fold.pressure_crossed(NS) is None
    for _ in range(100):
        node.look(500)
    assert node.fold.pressure_crossed(100 * NS) is False
    assert node.fold.pressure_crossed(50 * NS) is None  # nobody looked before the first second
    node.look(10)
    assert node.fold.pressure_crossed(101 * NS) is True
    assert node.fold.pressure_crossed(100 * NS) is False
    for _ in range(80):
        node.look(500)
    assert node.fold.pressure_crossed(120 * NS) is True
    assert node.fold.pressure_crossed(181 * NS) is False


def test_a_threshold_that_is_gone_is_not_crossed() -> None:
    node = _Node()
    node.look(50, HARD)
    assert node.fold.pressure_crossed(NS) is True
    node.look(50, DISK)
    assert node.fold.pressure_crossed(100 * NS) is None
