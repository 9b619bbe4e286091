"""In the guest: the sweep of many network namespaces against the same dumps alone.

    python3 -m tests.bench.network PODS ROUNDS

Makes the namespaces, each with a veth to one bridge, an address and a default route, and removes
them. Both enter each namespace, open a socket in it and take the same answers; one of them only
counts their bytes. Prints one line of JSON, times in milliseconds.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent.host.namespaces import Namespaces
from agent.host.root import HostRoot
from agent.model.netlink import HostNetwork
from agent.observe.network import Target, read_host, read_namespaces
from agent.parse.netlink import NLMSG_DONE, attribute, message
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

HOST = HostRoot.at(Path("/"))
NAME = "nwbench"
DUMPS = (
    message(RTM_GETLINK, 0x301, 1, IFINFOMSG.pack(0, 0, 0, 0, 0)),
    message(RTM_GETADDR, 0x301, 2, IFADDRMSG.pack(0, 0, 0, 0, 0)),
    message(RTM_GETROUTE, 0x301, 3, RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)),
    message(RTM_GETNEIGH, 0x301, 4, NDMSG.pack(0, 0, 0, 0, 0)),
)
DONE = NLMSG_DONE.to_bytes(2, sys.byteorder)


def populate(pods: int) -> None:
    """One bridge, and a pair for each pod."""
    lines = [f"link add {NAME} type bridge", f"link set {NAME} up"]
    for number in range(pods):
        run("ip", "netns", "add", f"{NAME}{number}")
        end, netns = f"{NAME}v{number}", f"{NAME}{number}"
        lines += [
            f"link add {end} master {NAME} type veth peer name eth0 netns {netns}",
            f"link set {end} up",
        ]
    run("ip", "-batch", "-", text="\n".join(lines))
    for number in range(pods):
        address = f"10.77.{number // 250}.{number % 250 + 2}/16"
        inside = [
            f"address add {address} dev eth0",
            "link set eth0 up",
            "route add default via 10.77.0.1",
        ]
        run("ip", "-n", f"{NAME}{number}", "-batch", "-", text="\n".join(inside))


def remove(pods: int) -> None:
    """What was made, as far as it was."""
    for number in range(pods):
        run("ip", "netns", "delete", f"{NAME}{number}", check=False)
    run("ip", "link", "delete", NAME, check=False)


def run(*argv: str, text: str = "", check: bool = True) -> None:
    subprocess.run(argv, input=text, text=True, check=check, capture_output=True)


def dumps(namespaces: Namespaces, host_fd: int, targets: list[Target]) -> None:
    """The least that it could be: the kernel's work, and nothing made of the answers."""
    with namespaces.opened(namespaces.of_process(1)) as fd, namespaces.inside(fd):
        host = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    for target in targets:
        with namespaces.opened(target.path) as fd:
            host.send(nsid(fd))
            host.recv(1 << 16)
            with namespaces.inside(fd):
                sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            sock.send(nsid(host_fd))
            sock.recv(1 << 16)
            for request in DUMPS:
                sock.send(request)
                data = sock.recv(1 << 16)
                while DONE not in (data[4:6], data[-16:-14]):
                    data = sock.recv(1 << 16)
            sock.close()
    host.close()


def nsid(fd: int) -> bytes:
    body = RTGENMSG.pack(0) + attribute(NETNSA_FD, fd.to_bytes(4, sys.byteorder))
    return message(RTM_GETNSID, 1, 9, body)


def ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begun) / 1e6


def measure(pods: int, rounds: int) -> dict[str, float]:
    """Medians; the two take turns."""
    namespaces = Namespaces(HOST)
    least, ours = [], []
    with namespaces.opened(namespaces.of_process(1)) as fd:
        host = read_host(HOST, namespaces, fd)
        names = [f"{NAME}{number}" for number in range(pods)]
        paths = [namespaces.of_name(name) for name in names]
        targets = [Target(inode=os.stat(path).st_ino, path=path) for path in paths]
        check(namespaces, fd, host, targets)
        for _ in range(rounds):
            least.append(ms(lambda: dumps(namespaces, fd, targets)))
            ours.append(ms(lambda: read_namespaces(HOST, namespaces, fd, host, targets)))
    found = {"network_dumps_ms": statistics.median(least), "network_ms": statistics.median(ours)}
    return {**found, "network_ratio": found["network_ms"] / found["network_dumps_ms"]}


def check(namespaces: Namespaces, fd: int, host: HostNetwork, targets: list[Target]) -> None:
    """What is measured is what was made."""
    for network in read_namespaces(HOST, namespaces, fd, host, targets):
        assert not network.unread
        assert any(link.name == "eth0" for link in network.links)
        assert any(route.is_default for route in network.routes)


def main() -> None:
    pods, rounds = map(int, sys.argv[1:])
    try:
        populate(pods)
        print(json.dumps(measure(pods, rounds)))
    finally:
        remove(pods)


if __name__ == "__main__":
    main()
