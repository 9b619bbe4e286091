"""agent.derive.cni_health: continuity and no success at all, never a count of errors."""

from __future__ import annotations

import pytest

from agent.derive.cni_health import network_health
from agent.model.cni import CNICall, NetworkState

S = 1_000_000_000
NOW = 10_000

OK, FAILED, UNKNOWN = 0, 1, None


def ran(
    start: int,
    end: int,
    code: int | None,
    command: str = "ADD",
    *,
    sandbox: str = "",
    interface: str = "eth0",
) -> CNICall:
    """Seconds before now."""
    return CNICall(
        pid=start,
        start_boottime_ns=0,
        plugin="/x/bridge",
        started_boottime_ns=(NOW - start) * S,
        parent_pid=1,
        command=command,
        container_id=sandbox,
        interface=interface,
        ended_boottime_ns=(NOW - end) * S,
        exit_code=code,
    )


def runs(
    start: int, command: str = "ADD", delegated_by: int | None = None, *, sandbox: str = ""
) -> CNICall:
    return CNICall(
        pid=start,
        start_boottime_ns=0,
        plugin="/x/bridge",
        started_boottime_ns=(NOW - start) * S,
        parent_pid=1,
        command=command,
        container_id=sandbox,
        delegated_by=delegated_by,
    )


CASES: list[tuple[str, list[CNICall], NetworkState, int | None]] = [
    ("nothing", [], NetworkState.IDLE, None),
    ("one has begun", [runs(2)], NetworkState.IDLE, None),
    ("it works", [ran(60, 58, OK)], NetworkState.WORKING, None),
    ("nobody told", [ran(60, 58, UNKNOWN)], NetworkState.IDLE, None),
    ("it takes long", [ran(60, 58, OK), runs(12)], NetworkState.SLOW, None),
    ("it hangs", [ran(60, 58, OK), runs(31)], NetworkState.WEDGED, 31),
    ("the first hangs", [runs(300)], NetworkState.WEDGED, 300),
    ("another got through later", [runs(300), ran(60, 58, OK)], NetworkState.SLOW, None),
    (
        "many hang, although one got through",
        [runs(300), runs(301), runs(302), ran(299, 100, OK)],
        NetworkState.WEDGED,
        100,
    ),
    (
        "its loopback is no network",
        [runs(300), ran(299, 298, OK, interface="lo"), ran(60, 58, OK, interface="lo")],
        NetworkState.WEDGED,
        300,
    ),
    (
        "the second plugin of each list hangs",
        [
            ran(300, 299, OK, sandbox="a"),
            runs(298, sandbox="a"),
            ran(60, 58, OK, sandbox="b"),
            runs(57, sandbox="b"),
        ],
        NetworkState.WEDGED,
        300,
    ),
    (
        "the second plugin of a list fails",
        [ran(20, 19, OK, sandbox="a"), ran(18, 17, FAILED, sandbox="a"), ran(60, 59, OK)],
        NetworkState.FLAPPING,
        None,
    ),
    ("a delegate hangs", [runs(300, delegated_by=7)], NetworkState.IDLE, None),
    ("a DEL hangs", [runs(300, "DEL"), ran(60, 58, OK)], NetworkState.WORKING, None),
    ("one has failed", [ran(60, 58, OK), ran(20, 19, FAILED)], NetworkState.FLAPPING, None),
    ("long ago", [ran(60, 58, OK), ran(700, 650, FAILED)], NetworkState.WORKING, None),
    (
        "many fail, one got through between",
        [*(ran(s, s - 1, FAILED) for s in (80, 70, 60, 40, 20)), ran(35, 34, OK)],
        NetworkState.FLAPPING,
        None,
    ),
    (
        "none gets through",
        [ran(900, 890, OK), *(ran(s, s - 1, FAILED) for s in (80, 60, 20))],
        NetworkState.WEDGED,
        80,
    ),
    ("too few to say", [*(ran(s, s - 1, FAILED) for s in (80, 20))], NetworkState.IDLE, None),
    (
        "nobody tries any more",
        [*(ran(s, s - 1, FAILED) for s in (80, 60, 40))],
        NetworkState.IDLE,
        None,
    ),
    (
        "a burst of errors is none yet",
        [*(ran(s, s - 1, FAILED) for s in (9, 8, 7, 6, 5))],
        NetworkState.IDLE,
        None,
    ),
]


@pytest.mark.parametrize(
    ("calls", "state", "since"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_health(calls: list[CNICall], state: NetworkState, since: int | None) -> None:
    """With slow_after 10 s and stalled_after 30 s."""
    health = network_health(calls, NOW * S, slow_ns=10 * S, stalled_ns=30 * S)
    assert health.state is state
    assert health.since_boottime_ns == (None if since is None else (NOW - since) * S)
