"""agent.derive.destinations, agent.derive.dials"""

from __future__ import annotations

from agent.derive.destinations import FORGET_NS, MAX_COUNTED, MAX_DESTINATIONS, Destinations
from agent.derive.dials import MAX_REMOTES, Dials
from agent.model.heartbeat import Destination, Trouble, Watched
from tests.serve.heartbeat_sample import S, connection

REMOTE = "10.0.0.1:6443"


def dialling(cookie: int, since: int, remote: str = REMOTE) -> Watched:
    return Watched(
        connection=connection(cookie, dialling=True, remote=remote),
        connected_boottime_ns=0,
        trouble=Trouble.DIALLING,
        since_boottime_ns=since * S,
    )


def connected(at: int) -> Watched:
    return Watched(connection=connection(9), connected_boottime_ns=at * S)


def test_unanswered() -> None:
    """Each socket counts once; the address fails from the first dial on, over its next ones."""
    fold = Destinations()
    fold.take([dialling(1, 90)], 93 * S)
    fold.take([dialling(1, 90)], 95 * S)
    fold.take([], 101 * S)
    (found,) = fold.take([dialling(2, 102), dialling(3, 104)], 107 * S)
    assert found == Destination(
        remote=REMOTE,
        first_boottime_ns=90 * S,
        last_boottime_ns=107 * S,
        unanswered=3,
        dialling=2,
    )


def test_over() -> None:
    """A connection that was made later ends it, an older one does not; so does a minute without a
    dial.
    """
    fold = Destinations()
    assert fold.take([dialling(1, 90), connected(80)], 93 * S)
    assert fold.take([connected(80)], 95 * S)
    assert not fold.take([connected(96)], 97 * S)
    fold.take([dialling(2, 97)], 100 * S)
    assert fold.take([], 100 * S + FORGET_NS - 1)
    assert not fold.take([], 100 * S + FORGET_NS)


def test_refused() -> None:
    """The last failure says how it fails; those with most failures come first."""
    fold = Destinations()
    for second in (1, 2, 3):
        fold.failed("10.0.0.2:443", "10.0.0.4:1", second * S, refused=True)
    first, other = fold.take([dialling(1, 2)], 5 * S)
    assert (first.remote, first.refuses, first.refused) == ("10.0.0.2:443", True, 3)
    assert (other.remote, other.refuses, other.failures) == (REMOTE, False, 1)
    fold.failed(REMOTE, "10.0.0.4:1", 6 * S, refused=True)
    assert fold.take([], 7 * S)[1].refuses


def test_no_route() -> None:
    """A dial that was seen under way and then failed counts once; the oldest are forgotten."""
    fold = Destinations()
    under_way = dialling(1, 2)
    fold.take([under_way], 5 * S)
    fold.failed(REMOTE, under_way.connection.local, 6 * S, refused=False)
    (found,) = fold.take([], 7 * S)
    assert (found.unanswered, found.refuses, found.last_boottime_ns) == (1, False, 6 * S)
    for port in range(MAX_COUNTED + 1):
        fold.failed(REMOTE, f"10.0.0.9:{port}", 8 * S, refused=False)
    fold.failed(REMOTE, under_way.connection.local, 9 * S, refused=False)
    assert fold.take([], 10 * S)[0].unanswered == 1 + MAX_COUNTED + 2


def test_bounded() -> None:
    """Of more addresses than that the one that failed longest ago is forgotten."""
    fold = Destinations()
    for number in range(MAX_DESTINATIONS + 3):
        fold.failed(f"10.0.0.2:{number}", "10.0.0.4:1", number, refused=True)
    found = {each.remote for each in fold.take([], 9)}
    assert len(found) == MAX_DESTINATIONS
    assert "10.0.0.2:2" not in found


def test_whose_refusal() -> None:
    """It is of who has begun a connection there last. What comes later than at once is the
    network's word or the kernel's, or nothing if the owner gave it up.
    """
    dials = Dials()
    me, other = (1, 2), (3, 4)
    assert dials.failed(REMOTE, 1 * S, serving=True) is None
    dials.begun(me, REMOTE, 10 * S)
    assert dials.failed(REMOTE, 10 * S + 1000, serving=False) == (me, True)
    assert dials.failed(REMOTE, 10 * S + 1000, serving=False) is None
    dials.begun(me, REMOTE, 20 * S)
    dials.begun(other, REMOTE, 21 * S)
    assert dials.failed(REMOTE, 24 * S, serving=True) == (other, False)
    assert dials.failed(REMOTE, 50 * S, serving=False) is None
    dials.begun(me, REMOTE, 60 * S)  # kube-proxy's REJECT
    assert dials.failed(REMOTE, 61 * S + 2000, serving=True) == (me, True)


def test_dials_are_bounded() -> None:
    """The address that was dialled longest ago is forgotten."""
    dials = Dials()
    for number in range(MAX_REMOTES + 1):
        dials.begun((number, 1), str(number), number)
    assert dials.failed("0", 1, serving=True) is None
    assert dials.failed("1", 1, serving=True) == ((1, 1), True)
