"""agent.derive.stalled_connections"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.derive.stalled_connections import StalledConnections
from agent.model.heartbeat import Connection, Trouble, Watched
from tests.serve.heartbeat_sample import S, connection

WELL = connection(1)
AGAIN = connection(1, unacked=2, queued_bytes=512, retransmits=5, backoff=5, rto_seconds=6.4)


@pytest.mark.parametrize(
    ("seen", "answers", "trouble", "seconds"),
    [
        (WELL, True, None, 0),
        (replace(WELL, unacked=1, queued_bytes=90), True, None, 0),  # under way
        (AGAIN, True, Trouble.UNACKNOWLEDGED, 6.2),  # .2 + .4 + .8 + 1.6 + 3.2
        (replace(WELL, queued_bytes=9, probes=3, backoff=3, rto_seconds=1.6), True,
         Trouble.WINDOW_CLOSED, 1.4),
        (replace(WELL, since_received_seconds=40.0, since_sent_seconds=9.0), True,
         Trouble.UNANSWERED, 9),
        (replace(WELL, since_received_seconds=40.0, since_sent_seconds=39.9), True, None, 0),
        (replace(WELL, since_received_seconds=40.0, since_sent_seconds=9.0), False, None, 0),
        (connection(1, dialling=True, retransmits=1, backoff=1, rto_seconds=2.0), True, None, 0),
        (connection(1, dialling=True, retransmits=2, backoff=2, rto_seconds=4.0), True,
         Trouble.DIALLING, 3),
        (connection(1, dialling=True, retransmits=4, backoff=0, rto_seconds=1.0), True,
         Trouble.DIALLING, 4),
    ],
)  # fmt: skip
def test_trouble(seen: Connection, answers: bool, trouble: Trouble | None, seconds: float) -> None:
    """What is wrong, and for how long the kernel's own timer proves it."""
    (found,) = StalledConnections(answers=answers).take([seen], 100 * S)
    assert found.trouble is trouble
    if trouble is not None:
        assert found.since_boottime_ns == int((100 - seconds) * S)


def test_lasting() -> None:
    """It lasts from the first look on, until a look at which nothing is wrong; another trouble, or
    another socket, begins anew.
    """
    fold = StalledConnections(answers=True)

    def look(seconds: int, *seen: Connection) -> list[tuple[Trouble | None, float]]:
        found = fold.take(seen, seconds * S)
        return [(each.trouble, round(each.since_boottime_ns / S, 3)) for each in found]

    slow = replace(AGAIN, rto_seconds=0.0)
    assert look(100, WELL) == [(None, 0)]
    assert look(102, slow) == [(Trouble.UNACKNOWLEDGED, 102)]
    assert look(104, slow) == [(Trouble.UNACKNOWLEDGED, 102)]
    assert look(106, replace(slow, rto_seconds=9.6)) == [(Trouble.UNACKNOWLEDGED, 96.7)]
    assert look(108, WELL) == [(None, 0)]
    assert look(110, replace(slow, cookie=2), WELL)[0] == (Trouble.UNACKNOWLEDGED, 110)
    assert look(112, WELL) == [(None, 0)]
    assert look(114, replace(slow, cookie=2)) == [(Trouble.UNACKNOWLEDGED, 114)]


def test_connected() -> None:
    """When a socket was first seen connected; the longest in trouble is told first."""
    fold = StalledConnections(answers=False)
    dialling = connection(7, dialling=True)
    (found,) = fold.take([dialling], 1 * S)
    assert found.connected_boottime_ns == 0
    fold.take([replace(dialling, dialling=False)], 2 * S)
    found, other = fold.take([replace(dialling, dialling=False), AGAIN], 3 * S)
    assert isinstance(other, Watched)
    assert (found.connection, other.connected_boottime_ns) == (AGAIN, 2 * S)
