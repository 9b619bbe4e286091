"""How late the loop was, and for how long that is remembered."""

from __future__ import annotations

import asyncio

import pytest

from agent.engine import pulse
from agent.engine.pulse import WINDOW_NS, WINDOWS, Pulse
from agent.engine.shield import Shield
from agent.host.worker import Workers
from agent.model.protection import Protection
from tests.observe.fakes import FakeClock


def test_the_longest_of_five_minutes() -> None:
    """The histogram keeps all; the longest is forgotten after five minutes."""
    beats = Pulse(clock=FakeClock())
    beats.beat(3.0, 0)
    beats.beat(0.001, 1)
    assert beats.longest_seconds(WINDOW_NS) == 3.0
    for minute in range(1, 20):
        beats.beat(0.25, minute * WINDOW_NS)
    assert beats.longest_seconds(19 * WINDOW_NS) == 0.25
    assert beats.longest_seconds((19 + WINDOWS) * WINDOW_NS) == 0.0
    assert (beats.lag.count, beats.lag.above(1.0), beats.lag.above(2.5)) == (21, 1, 1)


async def test_it_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loop that it measures."""
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.0)
    thrice = asyncio.Event()

    class Clock(FakeClock):
        def boottime_ns(self) -> int:
            self.now_ns += 1
            if self.now_ns == 3:
                thrice.set()
            return self.now_ns

    beats = Pulse(clock=Clock())
    running = asyncio.create_task(beats.run())
    await thrice.wait()
    running.cancel()
    assert beats.lag.count == 3


async def test_the_shield() -> None:
    """What was taken is kept; switched off, nothing is."""
    got = (Protection(name="mlock2", got=False, detail="why"),)
    shield = Shield(workers=Workers(1), protect=lambda: got)
    await shield.begin()
    assert shield.taken == got
    off = Shield(workers=Workers(1), protect=None)
    await off.begin()
    assert off.taken == ()
