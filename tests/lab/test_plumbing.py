"""The node's own network on a real kernel: a full table of connections, an overlay device and the
routes of a daemon that go, programs that hold up the packet filter.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL, SEVERITY_WARNING
from agent.api.v1.plumbing_pb2 import (
    OVERLAY_STATE_UP,
    OVERLAY_STATE_VANISHED,
    OverlayDevice,
    PlumbingReport,
    RouteOrigin,
    RuleTool,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest

SECONDS = 240
LIMIT = 20
MAX = "/proc/sys/net/netfilter/nf_conntrack_max"
PORTS = "7000:7002"  # through which we talk to the guest
FILLER = """\
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for port in range(20000, 20200):
        try:
            sock.sendto(b"x", ("127.0.0.1", port))
        except OSError:
            pass
    time.sleep(0.2)
"""


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    agent.start({})
    return Asking(agent)


def report(asking: Asking, wanted: Callable[[PlumbingReport], bool], what: str) -> PlumbingReport:
    """The report, once it is so."""

    def found() -> PlumbingReport | None:
        told = asking.plumbing()
        return told if wanted(told) else None

    return until(found, SECONDS, what, lambda: str(asking.plumbing()))


@pytest.fixture
def small_table(guest: Guest) -> Iterator[None]:
    """The host tracks what it sends to itself, and little of it; never what we say to the guest."""
    guest.run("modprobe nf_conntrack")
    limit = guest.read(MAX)
    rules = [
        f"-t raw {{}} PREROUTING -p tcp --dport {PORTS} -j CT --notrack",
        f"-t raw {{}} OUTPUT -p tcp --sport {PORTS} -j CT --notrack",
        "{} OUTPUT -o lo -p udp -m conntrack --ctstate NEW -j ACCEPT",
    ]
    try:
        for rule in rules:
            guest.run(f"iptables {rule.format('-A')}")
        guest.write(MAX, str(LIMIT))
        yield
    finally:
        guest.write(MAX, limit)
        for rule in rules:
            guest.run(f"iptables {rule.format('-D')}", check=False)


def test_conntrack(guest: Guest, asking: Asking, small_table: None, figures: list[str]) -> None:
    """Full, with the packets that are dropped for it; and over, when there is room again."""
    before = report(asking, lambda told: told.HasField("conntrack"), "conntrack is read")
    filler = guest.start(["python3", "-c", FILLER])
    try:
        found = asking.condition("ConntrackFull", "", lambda c: c.reason == "Dropping")
        assert found.severity == SEVERITY_CRITICAL
        assert f"of {LIMIT} connections are tracked" in found.message
        told = report(asking, lambda r: r.conntrack.drops_per_second > 1, "packets are dropped")
        assert told.conntrack.limit == LIMIT
        assert told.conntrack.drops > before.conntrack.drops
        assert told.saturated
        figures.append(f"conntrack: {told.conntrack.drops_per_second:.0f} drops/s are told")
        shown = guest.run(["nodectl", "net", "--node"], check=False)
        assert shown.exit_code == 1
        assert "FULL" in shown.out
    finally:
        filler.close()
    guest.write(MAX, "65536")
    asking.condition("ConntrackFull", "", status=CONDITION_STATUS_FALSE)


def overlay(told: PlumbingReport) -> OverlayDevice:
    return next((each for each in told.overlays if each.name == "lab-vx"), OverlayDevice())


def bird(told: PlumbingReport) -> RouteOrigin:
    return next((each for each in told.routes if each.protocol == "bird"), RouteOrigin())


def test_overlay_and_routes(guest: Guest, asking: Asking) -> None:
    """A vxlan is deleted and its routes go with it: both are missed, until they are back."""
    make = (
        "ip link add lab-vx type vxlan id 42 dstport 8472 local 127.0.0.1 && "
        "ip address add 10.99.0.1/32 dev lab-vx && ip link set lab-vx up && "
        "ip route add 10.99.1.0/24 dev lab-vx proto bird"
    )
    guest.run(make)
    try:
        up = report(asking, lambda r: overlay(r).state == OVERLAY_STATE_UP, "the vxlan is up")
        assert overlay(up).kind == "vxlan"
        told = report(asking, lambda r: overlay(r).since.seconds >= 25, "all is seen twice")
        assert (bird(told).daemon, bird(told).count) == (True, 1)
        guest.run("ip link delete lab-vx")
        gone = report(asking, lambda r: overlay(r).state == OVERLAY_STATE_VANISHED, "it vanishes")
        assert bird(gone).HasField("gone")
        found = asking.condition("OverlayDown", "", lambda c: "lab-vx (vxlan)" in c.message)
        assert (found.reason, found.severity) == ("Vanished", SEVERITY_CRITICAL)
        found = asking.condition("RoutesLost", "", lambda c: c.message.startswith("bird "))
        assert found.severity == SEVERITY_CRITICAL
        guest.run(make)
        asking.condition("OverlayDown", "", status=CONDITION_STATUS_FALSE)
        asking.condition("RoutesLost", "", status=CONDITION_STATUS_FALSE)
    finally:
        guest.run("ip link delete lab-vx", check=False)


def tools(told: PlumbingReport, wanted: Callable[[RuleTool], bool]) -> bool:
    return any(wanted(tool) for tool in told.tools)


def test_long_restore(guest: Guest, asking: Asking) -> None:
    """One that waits for the rest of its input has the lock, and another waits for that; a commit
    to nftables is heard of, with who made it.
    """
    with ExitStack() as ended:
        restore = guest.start(["iptables-legacy-restore"])
        ended.callback(restore.close)
        restore.send(b"*filter\n")
        report(asking, lambda r: tools(r, lambda t: t.holds), "the lock is held")
        waiter = guest.start(["iptables-legacy", "-w", "-L", "-n"])
        ended.callback(waiter.close)
        told = report(asking, lambda r: tools(r, lambda t: bool(t.holder)), "somebody waits")
        holder = next(tool for tool in told.tools if tool.holds)
        waiting = next(tool for tool in told.tools if tool.holder)
        assert waiting.holder == f"{holder.comm}[{holder.pid}]"
        found = asking.condition("RulesStalled", "", lambda c: c.reason == "LockHeld")
        assert found.severity == SEVERITY_WARNING
        assert waiting.holder in found.message
        restore.send(b"COMMIT\n")
        restore.end_input()
        assert restore.wait(SECONDS).exit_code == 0
        assert waiter.wait(SECONDS).exit_code == 0
        asking.condition("RulesStalled", "", status=CONDITION_STATUS_FALSE)

    def heard(told: PlumbingReport) -> bool:
        guest.run(
            " && ".join(f"iptables {each} INPUT -s 192.0.2.1 -j DROP" for each in ("-A", "-D"))
        )
        return told.rules.HasField("last")

    told = report(asking, heard, "commits are heard of")
    assert told.rules.last.comm.startswith("iptables")
    assert told.rules.changes > 0
    told = report(
        asking,
        lambda r: {each.backend for each in r.rules.tables} == {"nftables", "iptables-legacy"},
        "both packet filters are counted",
    )
    assert all(each.chains for each in told.rules.tables if each.backend == "nftables")
