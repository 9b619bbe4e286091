"""The node's own network on a real kernel: what is full (connections, neighbours, local ports, a
CPU's backlog), a device that flaps, an overlay device and the routes of a daemon that go, programs
that hold up the packet filter.
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
from agent.detect.restart_storm import NODE_CPU_SOME
from agent.model.plumbing import PORTS_FULL
from agent.parse.pressure import parse_pressure
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.restarts import CALM, again, restarts

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

CPU_CALM = NODE_CPU_SOME - 25
"""Percent of ten seconds: with a stop's few seconds at their worst it is no cause yet."""

NEIGHBOURS = "/proc/sys/net/ipv6/neigh/default"
"""Of IPv6: by IPv4 we talk to the guest."""
RANGE, PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range", "40000 40099"
BACKLOG = "/proc/sys/net/core/netdev_max_backlog"
SYSCTLS = {
    f"{NEIGHBOURS}/gc_thresh1": "1",
    f"{NEIGHBOURS}/gc_thresh2": "2",
    f"{NEIGHBOURS}/gc_thresh3": "4",
    RANGE: PORT_RANGE,
    BACKLOG: "1",
}
DEVICES = """\
set -e
ip link add lab-n type dummy
ip link set lab-n arp on up
ip address add fd00:6e::1/64 dev lab-n nodad
ip link add lab-b type bridge
ip link set lab-b up
ip address add 10.96.0.1/24 brd + dev lab-b
for n in 0 1 2 3; do
    ip link add lab-v$n type veth peer name lab-p$n
    ip link set lab-p$n up
    ip link set lab-v$n master lab-b up
done
ip link add lab-f type veth peer name lab-g
ip link set lab-f up
ip link set lab-g up
ip link add link lab-f name lab-vlan type vlan id 7
ip link set lab-vlan up
"""
NO_DEVICES = """\
for name in lab-n lab-v0 lab-v1 lab-v2 lab-v3 lab-f lab-b; do ip link delete $name; done
"""
FLAP = """\
carrier() {
    for attempt in $(seq 400); do
        [ "$(cat /sys/class/net/lab-vlan/carrier)" != $1 ] || return 0
        sleep 0.05
    done
    exit 1
}
ip link set lab-g down; carrier 0
ip link set lab-g up; carrier 1
"""
ALL_FULL = """\
import errno, resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
server = socket.create_server(("127.0.0.1", 20900), backlog=1024)
held = []
while True:
    client = socket.socket()
    try:
        client.connect(server.getsockname())
    except OSError as error:
        assert error.errno == errno.EADDRNOTAVAIL, error
        break
    held.append(client)
print(len(held), "connections", flush=True)
neighbours = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
everyone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
everyone.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
while True:
    for number in range(2, 66):
        try:
            neighbours.sendto(b"x", (f"fd00:6e::{number:x}", 9))
        except OSError:
            pass  # there is no entry for it
        everyone.sendto(b"x", ("10.96.0.255", 9))
    time.sleep(0.2)
"""
"""Takes all local ports to itself; sends to more neighbours than there may be, and to all ports of
a bridge at once, for which a CPU's backlog has no room.
"""
RULES = """\
import sys, time
print("*filter\\n:LAB - [0:0]")
for batch in range(1500):
    for number in range(100):
        print(f"-A LAB -s 10.{batch // 256}.{batch % 256}.{number} -j ACCEPT")
    sys.stdout.flush()
    time.sleep(0.05)
time.sleep(3600)
"""
"""Rules for iptables-restore, as many as it takes; none is ever committed."""


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


def restarted(guest: Guest, pods: Pods, asking: Asking, figures: list[str]) -> None:
    """Containers that are killed and made anew while the node loses packets: a storm, for that. The
    CPUs have time for each of them, so that they are no cause.
    """
    pod = pods.create("unheard")
    made = [pod.container(name, CALM) for name in ("a", "b", "c")]
    for container in made:
        container.wait_ready()
        until(
            lambda: parse_pressure(guest.read_bytes("/proc/pressure/cpu")).some_avg10 < CPU_CALM,
            SECONDS,
            "the CPUs have time",
            lambda: guest.read("/proc/pressure/cpu"),
            every=0.5,
        )
        again(asking, container)
    deaths = restarts(asking, "unheard", 3)
    assert all(death.network_saturated for death in deaths)
    said = asking.condition("RestartStorm", "unheard")
    assert said.reason == "NetworkPressure"
    assert "3 under pressure" in said.message
    figures.append(f"restart storm, {said.reason}: {said.message}")
    assert all("network saturated" in each.value for each in said.evidence)


def test_conntrack(
    guest: Guest, pods: Pods, asking: Asking, small_table: None, figures: list[str]
) -> None:
    """Full, with the packets that are dropped for it, and a storm of restarts meanwhile; and over,
    when there is room again.
    """
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
        restarted(guest, pods, asking, figures)
    finally:
        filler.close()
    guest.write(MAX, "65536")
    asking.condition("ConntrackFull", "", status=CONDITION_STATUS_FALSE)


@pytest.fixture
def narrow(guest: Guest) -> Iterator[None]:
    """Devices, and limits that are soon reached; all of it is put back."""
    before = {path: guest.read(path) for path in SYSCTLS}
    try:
        guest.run(DEVICES)
        for path, value in SYSCTLS.items():
            guest.write(path, value)
        yield
    finally:
        for path, value in before.items():
            guest.write(path, value)
        guest.run(NO_DEVICES, check=False)


def test_all_full(guest: Guest, asking: Asking, narrow: None, figures: list[str]) -> None:
    """The table of neighbours, the local ports to one peer and a CPU's backlog are full, and a
    device's carrier comes and goes: each is a condition, with what the kernel has counted.
    """
    everything = guest.start(["python3", "-c", ALL_FULL])
    try:
        everything.wait_out("connections", SECONDS)
        taken = int(everything.out.split()[0])
        assert taken >= PORTS_FULL * 100

        def flaps() -> bool:
            guest.run(FLAP)
            return any(each.name == "lab-vlan" for each in asking.plumbing().flapping)

        until(flaps, SECONDS, "lab-vlan flaps", lambda: str(asking.plumbing()))
        flapping = asking.condition("LinkFlapping", "", lambda c: "lab-vlan" in c.message)
        assert "lab-vlan: its carrier changed" in flapping.message
        ports = asking.condition("PortsExhausted", "", lambda c: c.reason == "Exhausted")
        assert ports.severity == SEVERITY_CRITICAL
        assert f"{taken} of 100 local ports are taken" in ports.message
        assert "from 127.0.0.1 to 127.0.0.1:20900" in ports.message
        full = asking.condition("NeighbourTableFull", "")
        assert full.severity == SEVERITY_CRITICAL
        assert "IPv6: " in full.message
        assert "gc_thresh3 is 4" in full.message
        dropping = asking.condition("SoftnetDropping", "")
        assert dropping.reason == "BacklogFull"
        told = report(asking, lambda r: r.softnet.drops_per_second > 1, "packets are dropped")
        assert told.saturated
        (six,) = [each for each in told.neighbours if each.version == 6]
        figures.append(
            f"plumbing: {told.softnet.drops_per_second:.0f} drops/s of the backlog,"
            f" {six.table_fulls_per_second:.0f} neighbours/s without an entry, {taken} of 100 ports"
        )
        shown = guest.run(["nodectl", "net", "--node"], check=False)
        assert shown.exit_code == 1
        for word in ("EXHAUSTED", "flapping lab-vlan", "times full (NOW", "dropped (NOW"):
            assert word in " ".join(shown.out.split()), shown.out
    finally:
        everything.close()


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
    """One that waits for the rest of its input has the lock, and another waits for that; one that
    works through many rules for nftables takes long; a commit to nftables is heard of, with who
    made it.
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

    rules = guest.start(f"python3 -c '{RULES}' | exec iptables-nft-restore --noflush")
    try:
        found = asking.condition("RulesStalled", "", lambda c: c.reason == "TakesLong")
        assert found.severity == SEVERITY_WARNING
        assert "iptables-nft-re[" in found.message
        assert " works, " in found.message
        shown = guest.run(["nodectl", "net", "--node"], check=False)
        assert shown.exit_code == 1
        assert "SLOW: iptables-nft-re[" in shown.out
    finally:
        rules.close()
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
