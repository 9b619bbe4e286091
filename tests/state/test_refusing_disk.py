"""A kernel that refuses to let the file grow, as a full quota or a broken disk does."""

from __future__ import annotations

import resource
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from agent.state.journal import Journal, Limits, Seams
from tests.state.making import BOOT, SOON, meta, note, record, stored


def _agent(path: Path, pipe: Connection) -> None:
    """Writes until it may not, says so; goes on when it may again. A process of its own."""
    journal = Journal.open(path, Limits(), BOOT, Seams(backoff_seconds=(0.001,)))
    stream = journal.recovered.numbering.stream_id
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    last = 0
    while journal.health().state == "ok":
        last += 1
        journal.append([record(last, note(last, size=5000), stream=stream)], str(last).encode())
        journal.wait_stored(last, 0.05)
    health = journal.health()
    pipe.send((health.state, health.detail, last))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    pipe.send((journal.wait_stored(last, SOON), journal.health().state, journal.close(SOON)))


def test_file_may_not_grow(tmp_path: Path) -> None:
    """A real I/O error is told as failed; when it is over, all events are there, each once."""
    path = tmp_path / "journal.db"
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    agent = context.Process(target=_agent, args=(path, theirs))
    agent.start()
    try:
        assert ours.poll(SOON)
        state, detail, last = ours.recv()
        assert state == "failed"
        assert "SQLITE_IOERR" in detail
        assert ours.poll(SOON)
        assert ours.recv() == (True, "ok", True)
    finally:
        agent.kill()
        agent.join()
    assert [sequence for _, sequence in stored(path)] == list(range(1, last + 1))
    assert meta(path, "checkpoint") == str(last).encode()
