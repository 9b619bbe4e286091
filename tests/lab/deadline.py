"""Waiting for a condition, with a deadline: the only place of the lab that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.02
MOST_SECONDS = 2.0
"""Between two looks, unless more is asked for."""
OF_THE_WAIT = 0.1
"""Who has waited for long looks more seldom, and is so much later at most."""


class DeadlineError(AssertionError):
    """What was waited for has not come; the message says what, how long, and what was seen last."""


def until(
    condition: Callable[[], T | None],
    seconds: float,
    what: str,
    detail: Callable[[], str] = str,
    *,
    every: float = POLL_SECONDS,
) -> T:
    """The condition's first true value. `detail()` ends the message of the DeadlineError.

    `every` so many seconds: more, where asking costs the one that is waited for. And for as long as
    a look takes, nobody looks: a slow machine is to get on with what is waited for.
    """
    start = time.monotonic()
    end = start + seconds
    while True:
        began = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            more = detail()
            raise DeadlineError(f"not in {seconds:g} s: {what}" + (f"\n{more}" if more else ""))
        pause = max(now - began, OF_THE_WAIT * (now - start))
        time.sleep(max(every, min(pause, MOST_SECONDS)))
