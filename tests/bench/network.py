"""In the guest: the network sweep of many pods against the same dumps alone.

    python3 -m tests.bench.network PODS ROUNDS

Makes pods, each with a process in a namespace of its own, a veth to one bridge, an address, a
default route and the rules that masquerade it, and removes them. Two things are measured:

reading the namespaces: both enter each one, open a socket in it and take the same answers; one of
them only counts their bytes;
a whole look as the agent takes it (the namespaces of all processes, the host's own links, those of
the pods, NAT, what is on the disk, and the judgement) against all that it asks netlink for, whose
bytes are counted.

Prints one line of JSON: milliseconds of CPU, the kernel's included.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from agent.engine.network import THOROUGH
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_NETFILTER, NETLINK_ROUTE
from agent.host.root import HostRoot
from agent.model.netlink import HostNetwork
from agent.observe.network import Target, read_host, read_namespaces
from agent.parse.netlink import NLMSG_DONE, attribute, message
from agent.parse.nft_rule import NFGENMSG, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE
from agent.parse.rtnetlink import (
    IFADDRMSG,
    IFINFOMSG,
    NDMSG,
    NETNSA_FD,
    RTGENMSG,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETNSID,
    RTM_GETROUTE,
    RTMSG,
)
from tests.bench.network_look import NETWORK, Look, Pod

HOST = HostRoot.at(Path("/"))
DUMPS = (
    message(RTM_GETLINK, 0x301, 1, IFINFOMSG.pack(0, 0, 0, 0, 0)),
    message(RTM_GETADDR, 0x301, 2, IFADDRMSG.pack(0, 0, 0, 0, 0)),
    message(RTM_GETROUTE, 0x301, 3, RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)),
    message(RTM_GETNEIGH, 0x301, 4, NDMSG.pack(0, 0, 0, 0, 0)),
)
NAT = tuple(
    message(NFNL_SUBSYS_NFTABLES << 8 | kind, 0x301, 1, NFGENMSG.pack(0, 0, 0))
    for kind in (NFT_MSG_GETCHAIN, NFT_MSG_GETRULE)
)
DONE = NLMSG_DONE.to_bytes(2, sys.byteorder)
GATEWAY = "10.77.0.1"
NOBODY = "224.0.0.0/4"


def populate(pods: list[Pod]) -> None:
    """One bridge, and a pair for each pod."""
    lines = [
        f"link add {NETWORK} type bridge",
        f"link set {NETWORK} up",
        f"address add {GATEWAY}/16 dev {NETWORK}",
    ]
    for pod in pods:
        run("ip", "netns", "add", pod.name)
        lines += [
            f"link add {pod.host_end} master {NETWORK} type veth peer name eth0 netns {pod.name}",
            f"link set {pod.host_end} up",
        ]
    run("ip", "-batch", "-", text="\n".join(lines))
    namespaces = Namespaces(HOST)
    for pod in pods:
        inside = [
            f"address add {pod.address}/16 dev eth0",
            "link set lo up",
            "link set eth0 up",
            f"route add default via {GATEWAY}",
        ]
        run("ip", "-n", pod.name, "-batch", "-", text="\n".join(inside))
        pod.begin(namespaces)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    run("iptables-restore", "--noflush", text=masquerading(pods))


def masquerading(pods: list[Pod]) -> str:
    """As the plugin bridge does it (ipMasq), a chain for each pod."""
    lines = ["*nat"]
    for pod in pods:
        chain = chain_of(pod)
        lines += [
            f":{chain} - [0:0]",
            f"-A {chain} -d 10.77.0.0/16 -j ACCEPT",
            f"-A {chain} ! -d {NOBODY} -j MASQUERADE",
            f"-A POSTROUTING -s {pod.address} -j {chain}",
        ]
    return "\n".join([*lines, "COMMIT", ""])


def chain_of(pod: Pod) -> str:
    return f"CNI-{pod.sandbox[:24]}"


def remove(pods: list[Pod]) -> None:
    """What was made, as far as it was."""
    lines = ["*nat"]
    for pod in pods:
        pod.end()
        run("ip", "netns", "delete", pod.name, check=False)
        chain = chain_of(pod)
        lines += [f"-D POSTROUTING -s {pod.address} -j {chain}", f"-F {chain}", f"-X {chain}"]
    run("ip", "link", "delete", NETWORK, check=False)
    run("iptables-restore", "--noflush", text="\n".join([*lines, "COMMIT", ""]), check=False)


def run(*argv: str, text: str = "", check: bool = True) -> None:
    subprocess.run(argv, input=text, text=True, check=check, capture_output=True)


def dumps(namespaces: Namespaces, host_fd: int, targets: list[Target]) -> None:
    """The least that it could be: the kernel's work, and nothing made of the answers."""
    with socket_in(namespaces, host_fd) as host:
        for target in targets:
            with namespaces.opened(target.path) as fd, socket_in(namespaces, fd) as sock:
                host.send(nsid(fd))
                host.recv(1 << 16)
                sock.send(nsid(host_fd))
                sock.recv(1 << 16)
                take(sock, DUMPS)


def look_dumps(namespaces: Namespaces, targets: list[Target]) -> None:
    """The same of all that a look asks for: the host's links, its addresses and its NAT too."""
    with namespaces.opened(namespaces.of_process(1)) as fd:
        with socket_in(namespaces, fd) as host:
            take(host, DUMPS[:2])
        dumps(namespaces, fd, targets)
        with socket_in(namespaces, fd, NETLINK_NETFILTER) as nft:
            take(nft, NAT)


def socket_in(namespaces: Namespaces, fd: int, protocol: int = NETLINK_ROUTE) -> socket.socket:
    with namespaces.inside(fd):
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)


def take(sock: socket.socket, requests: Iterable[bytes]) -> None:
    """All answers to each."""
    for request in requests:
        sock.send(request)
        data = sock.recv(1 << 16)
        while DONE not in (data[4:6], data[-16:-14]):
            data = sock.recv(1 << 16)


def nsid(fd: int) -> bytes:
    body = RTGENMSG.pack(0) + attribute(NETNSA_FD, fd.to_bytes(4, sys.byteorder))
    return message(RTM_GETNSID, 1, 9, body)


def ms(work: Callable[[], object]) -> float:
    """CPU time, of all threads."""
    begun = time.process_time_ns()
    work()
    return (time.process_time_ns() - begun) / 1e6


def reading(pods: list[Pod], rounds: int) -> dict[str, float]:
    """The namespaces; medians, the two take turns."""
    namespaces = Namespaces(HOST)
    least, ours = [], []
    with namespaces.opened(namespaces.of_process(1)) as fd:
        host = read_host(HOST, namespaces, fd)
        targets = list(targets_of(namespaces, pods))
        check(namespaces, fd, host, targets)
        for _ in range(rounds):
            least.append(ms(lambda: dumps(namespaces, fd, targets)))
            ours.append(ms(lambda: read_namespaces(HOST, namespaces, fd, host, targets)))
    found = {"network_dumps_ms": statistics.median(least), "network_ms": statistics.median(ours)}
    return {**found, "network_ratio": found["network_ms"] / found["network_dumps_ms"]}


def looking(pods: list[Pod], rounds: int) -> dict[str, float]:
    """Whole looks; means of as many as it takes for each thorough one to have its share."""
    namespaces = Namespaces(HOST)
    targets = list(targets_of(namespaces, pods))
    look = Look(HOST, pods)
    least, ours = [], []
    try:
        for _ in range(THOROUGH):  # results are read, and what was made is old
            look()
        look.check(pods)
        for _ in range(-(-rounds // THOROUGH) * THOROUGH):
            least.append(ms(lambda: look_dumps(namespaces, targets)))
            ours.append(ms(look))
        look.check(pods)
    finally:
        look.close()
    found = {"look_dumps_ms": statistics.mean(least), "look_ms": statistics.mean(ours)}
    return {**found, "look_ratio": found["look_ms"] / found["look_dumps_ms"]}


def targets_of(namespaces: Namespaces, pods: list[Pod]) -> Iterator[Target]:
    """As the agent enters them, by their processes."""
    for pod in pods:
        path = namespaces.of_process(pod.pid)
        yield Target(inode=os.stat(path).st_ino, path=path, pid=pod.pid)


def check(namespaces: Namespaces, fd: int, host: HostNetwork, targets: list[Target]) -> None:
    """What is measured is what was made."""
    for network in read_namespaces(HOST, namespaces, fd, host, targets):
        assert not network.unread
        assert any(link.name == "eth0" for link in network.links)
        assert any(route.is_default for route in network.routes)
        assert network.retransmits is not None


def main() -> None:
    number, rounds = map(int, sys.argv[1:])
    pods = [Pod(each) for each in range(number)]
    try:
        populate(pods)
        print(json.dumps(reading(pods, rounds) | looking(pods, rounds)))
    finally:
        remove(pods)


if __name__ == "__main__":
    main()
