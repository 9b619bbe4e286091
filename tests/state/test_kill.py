"""The journal of an agent that is killed with SIGKILL while it writes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from agent.state.setaside import asides
from tests.state.making import meta, rows, stored

KILLS = 8


def _kill_in_a_storm(path: Path, lines: int) -> tuple[str, int, int]:
    """Stream, its first sequence, and the last sequence that was reported stored."""
    command = [sys.executable, "-m", "tests.state.storm", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        _, stream, first = child.stdout.readline().split()
        reported = int(first) - 1
        for _ in range(lines):
            reported = int(child.stdout.readline().split()[2])
        child.kill()
        rest = child.stdout.read().splitlines()
    whole = [line.split() for line in rest if line.count(" ") == 2]
    return stream, int(first), max([reported, *(int(words[2]) for words in whole[:-1])])


def test_killed_again_and_again(tmp_path: Path) -> None:
    """What was reported stored is there, once; the checkpoint claims exactly what is stored.

    Each agent after a kill begins a stream of its own, behind the last number that was stored.
    """
    path = tmp_path / "journal.db"
    dice = random.Random()
    reported: dict[str, tuple[int, int]] = {}
    for _ in range(KILLS):
        stream, first, last = _kill_in_a_storm(path, dice.randrange(30))
        assert stream not in reported
        reported[stream] = (first, last)
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        events = stored(path)
        assert len(set(events)) == len(events)
        newest = max((sequence for _, sequence in events), default=None)
        claimed = meta(path, "checkpoint")
        assert claimed == (None if newest is None else str(newest).encode())
    assert asides(path) == []
    by_stream: dict[str, list[int]] = {}
    for stream, sequence in stored(path):
        by_stream.setdefault(stream, []).append(sequence)
    upcoming = 1
    for stream, (first, last) in reported.items():
        held = by_stream.get(stream, [])
        assert first == upcoming
        assert held == list(range(first, first + len(held)))
        assert first + len(held) > last
        upcoming = first + len(held)
    assert upcoming > 1
