"""The heartbeat's path: stand-ins for kubelet and API server, and a peer in another namespace whose
packets are dropped, or that refuses.
"""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent.api.v1 import heartbeat_pb2 as pb
from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.wire import Process

SECONDS = 120.0
STALLED_AFTER = 3
SETTINGS = {"heartbeat.stalled_after": f"{STALLED_AFTER}s"}
API, WEBHOOK, SERVICE = "10.99.0.2", "10.99.0.3", "10.99.1.1"
STALLED, FAILING = "KubeletHeartbeatStalled", "APIServerDialFailing"
DROP = "ip netns exec lab-api iptables -{} INPUT -d {} -j DROP"
REJECT = f"iptables -{{}} OUTPUT -d {SERVICE} -p tcp -j REJECT"
"""As kube-proxy has it on the node of who dials, for a Service without endpoints."""

SERVER = """
import socket, sys, threading
def serve(peer):
    while data := peer.recv(4096):
        peer.sendall(data)
listening = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()
"""
"""Echoes."""

CALLER = """
import socket, sys, threading
open("/proc/self/comm", "w").write(sys.argv[1])
def call(host, port, pause, timeout):
    while True:
        try:
            peer = socket.create_connection((host, int(port)), timeout)
            peer.settimeout(300)
            while True:
                peer.sendall(b"beat")
                if not peer.recv(4096):
                    break
                pause.wait(0.2)
        except OSError:
            pass
        pause.wait(0.2)
for target in sys.argv[2:]:
    host, port, *blocking = target.split(":")
    timeout = None if blocking else 20
    threading.Thread(target=call, args=(host, port, threading.Event(), timeout)).start()
"""
"""Sends something five times a second to each address, and dials again when that breaks: with a
connect(2) that blocks if the address says so.
"""

REFUSED = """
import socket, sys, time
for timeout in (20, 20, 20, None, None):
    begun = time.monotonic()
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout)
    except ConnectionRefusedError:
        print(time.monotonic() - begun)
"""
"""After how long dials are refused: three that do not block, and two that do."""


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


@pytest.fixture
def peer(guest: Guest) -> Iterator[Guest]:
    """Another network namespace, with two addresses, a hop away."""
    guest.run(
        "ip netns add lab-api && ip link add lab-api type veth peer name eth0 netns lab-api"
        " && ip address add 10.99.0.1/24 dev lab-api && ip link set lab-api up"
        f" && ip -n lab-api address add {API}/24 dev eth0"
        f" && ip -n lab-api address add {WEBHOOK}/24 dev eth0"
        " && ip -n lab-api link set eth0 up && ip -n lab-api link set lo up"
        f" && ip -n lab-api address add {SERVICE}/32 dev lo && ip route add {SERVICE} via {API}"
    )
    try:
        yield guest
    finally:
        guest.run(f"{REJECT.format('D')}; ip netns delete lab-api", check=False)


def listening(guest: Guest, host: str, port: int) -> Process:
    argv = ["ip", "netns", "exec", "lab-api", "python3", "-c", SERVER, host, str(port)]
    process = guest.start(argv)
    process.wait_out("listening", SECONDS)
    return process


def caller(asking: Asking, role: str) -> pb.Caller | None:
    return next((each for each in asking.heartbeat().callers if each.role == role), None)


def connected(asking: Asking, role: str, remote: str) -> pb.TcpConnection:
    """Its connection to this address, once it is well."""

    def found() -> pb.TcpConnection | None:
        process = caller(asking, role)
        each = [] if process is None else process.connections
        return next((c for c in each if c.remote == remote and not c.trouble), None)

    return until(found, SECONDS, f"{role} is connected", lambda: str(asking.heartbeat()))


def test_kubelet(peer: Guest, asking: Asking, figures: list[str]) -> None:
    """Packets that are dropped stall the heartbeat, and it goes on when they flow; an API server
    that is gone refuses, and that is over when it is back.
    """
    server = listening(peer, API, 6443)
    kubelet = peer.start(["python3", "-c", CALLER, "kubelet", f"{API}:6443"])
    with closing(kubelet), closing(server):
        well = connected(asking, "kubelet", f"{API}:6443")
        assert not well.stalled
        shown = peer.run(["nodectl", "heartbeat"])
        assert f"kubelet[{kubelet.pid}]" in shown.out

        peer.run(DROP.format("I", API))
        begun = time.monotonic()
        condition = asking.condition(STALLED, "")
        seen = time.monotonic() - begun
        assert (condition.reason, condition.severity) == ("Unacknowledged", SEVERITY_CRITICAL)
        assert f"{API}:6443 has acknowledged nothing" in condition.message
        assert f"kubelet[{kubelet.pid}]" in condition.message
        process = caller(asking, "kubelet")
        assert process is not None
        (stalled,) = [each for each in process.connections if each.stalled]
        assert stalled.trouble == "unacknowledged"
        assert stalled.retransmits > 0
        assert stalled.queued_bytes > 0
        shown = peer.run(["nodectl", "heartbeat"], check=False)
        assert shown.exit_code == 1
        assert "STALLED: unacknowledged" in shown.out
        labels = {"process": "kubelet", "which": "stalled"}
        assert asking.metric("nodewitness_heartbeat_connections", **labels) == 1
        figures.append(
            f"heartbeat: dropped packets are told after {seen:.1f} s: {condition.message}"
        )

        peer.run(DROP.format("D", API))
        begun = time.monotonic()
        asking.condition(STALLED, "", status=CONDITION_STATUS_FALSE)
        figures.append(f"heartbeat: over {time.monotonic() - begun:.1f} s after packets flow again")

        server.signal(9)
        begun = time.monotonic()
        refused = asking.condition(STALLED, "", lambda found: found.reason == "DialRefused")
        seen = time.monotonic() - begun
        assert f"dials {API}:6443, which refuses" in refused.message
        figures.append(f"heartbeat: an API server that is gone is told after {seen:.1f} s")
        with closing(listening(peer, API, 6443)):
            asking.condition(STALLED, "", status=CONDITION_STATUS_FALSE)


def test_api_server(peer: Guest, asking: Asking, figures: list[str]) -> None:
    """A webhook that nobody answers for, one that refuses, and a Service without endpoints: each is
    named by its address, and each is over when it is served.
    """
    remote = f"{WEBHOOK}:9443"
    peer.run(DROP.format("I", WEBHOOK))
    served = listening(peer, WEBHOOK, 9443)
    server = peer.start(["python3", "-c", CALLER, "kube-apiserver", remote])
    begun = time.monotonic()
    with closing(server), closing(served):
        silent = asking.condition(FAILING, "")
        seen = time.monotonic() - begun
        assert (silent.reason, silent.severity) == ("NobodyAnswers", SEVERITY_CRITICAL)
        assert f"the API server dials {remote} and nobody answers" in silent.message
        figures.append(
            f"heartbeat: a webhook that is silent is told after {seen:.1f} s: {silent.message}"
        )
        shown = peer.run(["nodectl", "heartbeat"], check=False)
        assert shown.exit_code == 1
        assert f"kube-apiserver[{server.pid}] dials {remote}, which DOES NOT ANSWER" in shown.out
        assert asking.metric("nodewitness_heartbeat_unreachable", process="kube-apiserver") == 1

        peer.run(DROP.format("D", WEBHOOK))
        served_again(asking, remote, "packets to the webhook flow again", figures)

        served.signal(9)
        begun = time.monotonic()
        found = asking.condition(FAILING, "", lambda found: found.reason == "Refused")
        seen = time.monotonic() - begun
        assert f"dials {remote}, which refuses" in found.message
        figures.append(f"heartbeat: a webhook that is gone is told after {seen:.1f} s")
        with closing(listening(peer, WEBHOOK, 9443)):
            served_again(asking, remote, "the webhook is served again", figures)
    rejected(peer, asking, figures)


def rejected(peer: Guest, asking: Asking, figures: list[str]) -> None:
    """The Service has no endpoints, and later it has. What the kernel makes of the REJECT is timed
    by who dials: a program that does not block hears of it at once, and one that does with the SYN
    that is sent again. The agent tells both.
    """
    remotes = [f"{SERVICE}:443", f"{SERVICE}:8443"]
    peer.run(REJECT.format("I"))
    said = peer.run(["python3", "-c", REFUSED, SERVICE, "443"]).out.split()
    *fast, first, second = map(float, said)
    told = ", ".join(f"{each:.2f}" for each in fast)
    figures.append(
        f"heartbeat: a REJECT on the node itself is heard {told} s after a connect(2) that does not"
        f" block, {first:.2f}, {second:.2f} s after one that does"
    )
    assert len(fast) == 3
    assert max(fast) < 1 <= min(first, second)
    dials = ["python3", "-c", CALLER, "kube-apiserver", remotes[0], f"{remotes[1]}:blocking"]
    begun = time.monotonic()

    def refused() -> bool:
        process = caller(asking, "kube-apiserver")
        each = [] if process is None else process.failing
        return {a.remote for a in each if a.refuses and a.refused > 1} == {*remotes}

    with (
        closing(listening(peer, SERVICE, 443)),
        closing(listening(peer, SERVICE, 8443)),
        closing(peer.start(dials)),
    ):
        until(refused, SECONDS, "both are refused", lambda: str(asking.heartbeat()))
        found = asking.condition(FAILING, "", lambda found: found.reason == "Refused")
        seen = time.monotonic() - begun
        figures.append(f"heartbeat: a Service without endpoints is told after {seen:.1f} s")
        assert f"dials {SERVICE}:" in found.message
        peer.run(REJECT.format("D"))
        for remote in remotes:
            served_again(asking, remote, f"the Service has endpoints at {remote}", figures)


def served_again(asking: Asking, remote: str, what: str, figures: list[str]) -> None:
    begun = time.monotonic()
    asking.condition(FAILING, "", status=CONDITION_STATUS_FALSE)
    figures.append(f"heartbeat: over {time.monotonic() - begun:.1f} s after {what}")
    connected(asking, "kube-apiserver", remote)
