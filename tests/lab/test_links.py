"""Interfaces that come and go faster than anybody reads: what is lost of that is counted, and what
is so afterwards is known all the same.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE
from agent.api.v1.event_pb2 import SourceGap
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.wire import Process

SECONDS = 240
BURST, WARM, CHANGES = 200, 1_000, 10_000
MOST_GROWTH_KIB = 6 * 1024
"""Of an agent that is young. A queue that nobody reads takes 16 MiB for so many messages."""
SETTINGS = {  # no look but the first one comes by itself, and three messages fill the buffer
    "network.interval": "10m",
    "network.leak_grace": "3s",
    "network.event_buffer_bytes": "4Ki",
}
COUNTER = """\
import socket
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
sock.bind((0, 1))  # RTMGRP_LINK
sock.settimeout(0.2)
count = told = 0
print("= 0", flush=True)
while True:
    try:
        sock.recv(16)
        count += 1
    except TimeoutError:
        if count != told:
            told = count
            print("=", count, flush=True)
"""


class Counted:
    """What the agent has told of the changes, beside a listener with a large buffer."""

    def __init__(self, asking: Asking, counter: Process) -> None:
        self._asking = asking
        self._counter = counter
        self._former = -1
        self._before = 0
        until(self._still, SECONDS, "nothing changes", every=3)

    def _still(self) -> bool:
        now = sum(links(self._asking))
        self._former, self._before = self._before, now
        return self._former == now and not self.changes

    @property
    def changes(self) -> int:
        """As the other listener has counted them."""
        return int(self._counter.out.split("= ")[-1])

    def wait(self) -> None:
        """Until each of them was read by the agent or is told as lost, and there are no more."""
        until(
            self._all_told,
            SECONDS,
            "each change is read or told as lost",
            lambda: f"{links(self._asking)} - {self._before}, {self.changes} changes",
            every=1,
        )

    def _all_told(self) -> bool:
        now = sum(links(self._asking)) - self._before
        self._former, former = now, self._former
        return now == former == self.changes


def links(asking: Asking) -> tuple[int, int]:
    """Records read and records lost."""
    (row,) = [each for each in asking.status().sources if each.name == "links"]
    return row.records, row.lost


@contextmanager
def counted(guest: Guest, asking: Asking) -> Iterator[Counted]:
    """From now on."""
    counter = guest.start(["python3", "-c", COUNTER])
    try:
        counter.wait_out("= 0", SECONDS)
        yield Counted(asking, counter)
    finally:
        counter.close()


def batch(guest: Guest, lines: list[str]) -> None:
    guest.run("ip -batch -", stdin="\n".join(lines).encode() + b"\n", seconds=SECONDS)


def names(asking: Asking) -> set[str]:
    """Of the namespaces that the agent knows."""
    return {each.name for each in asking.namespaces().namespaces.named}


def gap_told(asking: Asking) -> SourceGap:
    for message in asking.watch_all():
        for event in message.events:
            if event.WhichOneof("kind") == "source_gap" and event.source_gap.source == "links":
                return event.source_gap
    raise AssertionError("the stream ended without a gap")


def unshared_kib(guest: Guest, pid: int) -> int:
    """The agent's memory that is not mapped from files."""
    found = re.search(r"RssAnon:\s+(\d+) kB", guest.read(f"/proc/{pid}/status"))
    assert found
    return int(found[1])


@pytest.fixture
def cleared(guest: Guest) -> Iterator[None]:
    """Whatever became of it, the next test finds nothing of it."""
    yield
    guest.run(
        "for n in $(cd /run/netns 2>/dev/null && echo burst-*); do ip netns delete $n; done;"
        " ip link delete flap",
        check=False,
    )


def test_burst(guest: Guest, agent: AgentProcess, cleared: None, figures: list[str]) -> None:
    """Two hundred pairs with a namespace each, made and removed: most of it is lost, to the number,
    and the agent knows the one that is left; of that nothing is left either when it goes, for the
    agent keeps no namespace alive. Then ten thousand changes leave nothing in its memory.
    """
    agent.start(SETTINGS)
    asking = Asking(agent)
    assert not names(asking)
    pid = asking.status().identity.pid
    with counted(guest, asking) as changes:
        last = f"burst-{BURST - 1}"
        everyone = [f"burst-{number}" for number in range(BURST)]
        make = [f"netns add {name}" for name in everyone]
        make += [
            f"link add v{number} type veth peer name eth0 netns {name}"
            for number, name in enumerate(everyone)
        ]
        batch(guest, make)
        batch(guest, [f"netns delete {name}" for name in everyone if name != last])
        veths = "ip -o link show type veth"
        until(lambda: guest.run(veths).out.count("\n") == 1, SECONDS, "the kernel is done")
        until(lambda: names(asking) == {last}, SECONDS, "one is left", lambda: str(names(asking)))
        changes.wait()
        told, burst = links(asking), changes.changes
        assert burst >= 2 * BURST - 1
        assert told[1] > 0
        gap = gap_told(asking)
        assert gap.lost > 0
        assert "ENOBUFS" in gap.detail
        assert asking.metric("nodewitness_source_records_lost_total", source="links") == told[1]

        batch(guest, [f"netns delete {last}"])
        until(lambda: not names(asking), SECONDS, "none is left", lambda: str(names(asking)))
        until(
            lambda: not guest.run("ls /run/netns; ip -o link show type veth; ip netns list-id").out,
            SECONDS,
            "no namespace and no veth is left",
            lambda: guest.run("ls -i /run/netns; ip -d link; ip netns list-id; lsns -t net").out,
        )
        assert not asking.networks().network.leftovers
        claimed = ["NetworkNamespaceLeaked", "VethOrphaned", "PodNetworkIncomplete", "AgentBlind"]
        assert not asking.conditions(types=claimed, statuses=[CONDITION_STATUS_TRUE])
        figures.append(
            f"links: {BURST} pairs and namespaces made and removed are {burst} changes, of which"
            f" {told[1]} found no room; each is counted, and the last state is known"
        )

        batch(guest, ["link add flap type veth peer name flop"])
        flap(guest, WARM)
        changes.wait()
        before, cpu = unshared_kib(guest, pid), asking.status().self.cpu.ToTimedelta()
        begun, clock = changes.changes, time.monotonic()
        flap(guest, CHANGES)
        changes.wait()
        grown = unshared_kib(guest, pid) - before
        spent = (asking.status().self.cpu.ToTimedelta() - cpu).total_seconds()
        made, took = changes.changes - begun, time.monotonic() - clock
    assert made >= CHANGES
    assert grown < MOST_GROWTH_KIB
    figures.append(
        f"links: {made} changes leave {grown} KiB in the agent's {before} KiB;"
        f" for all that it did in these {took:.0f} s it took {spent:.1f} s of CPU"
    )


def flap(guest: Guest, times: int) -> None:
    """So many changes or more."""
    batch(guest, [f"link set flap mtu {1400 + number % 2}" for number in range(times)])
