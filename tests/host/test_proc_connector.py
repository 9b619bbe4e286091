"""agent.host.proc_connector, on the kernel of this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import cast

import pytest

from agent.host.absence import SourceAbsent
from agent.host.proc import ProcReader
from agent.host.proc_connector import ProcConnector
from agent.model.absence import Absence
from agent.model.death import ProcessExit
from agent.parse.proc_event import parse_proc_event
from tests.host.this_host import HOST, missing, until


@pytest.fixture
def connector() -> Iterator[ProcConnector]:
    """Open; skipped where this process may not."""
    try:
        opened = ProcConnector(ProcReader(HOST))
    except SourceAbsent as error:
        missing(str(error))
    with opened:
        yield opened


def child(end: int | signal.Signals) -> int:
    """The pid of a child of ours that has ended so."""
    pid = os.fork()
    if pid == 0:
        if isinstance(end, signal.Signals):
            os.kill(os.getpid(), end)
        os._exit(end)
    os.waitpid(pid, 0)
    return pid


def heard(connector: ProcConnector, pid: int) -> list[ProcessExit]:
    """All exits up to that of `pid`."""
    found: list[ProcessExit] = []

    def look() -> bool:
        for message in connector.read_batch()[0]:
            event = parse_proc_event(message, boottime_minus_monotonic_ns=0)
            if isinstance(event, ProcessExit):
                found.append(event)
        return any(event.pid == pid for event in found)

    until(look, connector)
    return found


def test_ends_that_everybody_is_heard_of(connector: ProcConnector) -> None:
    """By a signal, and with a code; our child's parent is us."""
    killed, failed = child(signal.SIGKILL), child(3)
    ours = {event.pid: event for event in heard(connector, failed)}
    assert (ours[killed].signal, ours[killed].exit_code) == (9, None)
    assert (ours[failed].signal, ours[failed].exit_code) == (None, 3)
    assert ours[killed].parent_pid == os.getpid()


def test_clean_exits_of_those_that_are_followed(connector: ProcConnector) -> None:
    """Whom we do not follow we do not hear of; then we do, without a new socket."""
    silent = child(0)
    connector.follow({os.getpid()})
    told = child(0)
    assert silent not in [event.pid for event in heard(connector, told)]


def test_an_overrun_is_told() -> None:
    """What did not fit is told once, and reading goes on."""
    try:
        small = ProcConnector(ProcReader(HOST), receive_bytes=1)
    except SourceAbsent as error:
        missing(str(error))
    with small:
        for _ in range(20):
            child(3)
        _, lost = small.read_batch()
        assert lost
        last = child(3)
        assert heard(small, last)


def test_no_answer_outside_the_initial_namespaces(
    connector: ProcConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says nothing; we say what to do."""

    class Elsewhere:
        def check_exit_namespaces(self) -> None:
            raise SourceAbsent(Absence.DENIED, "set hostPID: true")

    monkeypatch.setattr(ProcConnector, "_answer", lambda self, ack: None)
    with pytest.raises(SourceAbsent, match="hostPID"):
        ProcConnector(cast(ProcReader, Elsewhere()))
    with pytest.raises(SourceAbsent, match="CONFIG_PROC_EVENTS"):
        ProcConnector(ProcReader(HOST))


def test_closed_twice(connector: ProcConnector) -> None:
    """Harmless."""
    connector.close()
    connector.close()
