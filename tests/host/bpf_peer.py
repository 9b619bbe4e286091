"""A host's network namespace with a veth into that of a pod, and programs on the host's end of it.

    python -m tests.host.bpf_peer POD

POD is the pid of a process in the pod's namespace. Each line of input is what to do: "nothing",
"clsact", "tcx", "xdp" (a program is attached in that way alone) or "macvlan" (the pod's end is one
of those instead). Each is answered by a line: "done", or why this kernel cannot.
"""

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from pyroute2 import IPRoute

CLONE_NEWNET = 0x40000000
BPF, PROG_LOAD, LINK_CREATE = 321, 5, 28  # bpf(2) on x86_64, and two of its commands
SCHED_CLS, XDP = 3, 6  # kinds of programs
TCX_INGRESS = 46
CLSACT_INGRESS = 0xFFFFFFF2
XDP_FLAGS_SKB_MODE = 2
PASS = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)  # r0 = 2; exit: XDP_PASS, TC_ACT_SHOT
LICENSE = b"GPL\0"

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attr: bytes) -> int:
    """bpf(2). Raises OSError."""
    found: int = _libc.syscall(BPF, command, ctypes.create_string_buffer(attr), len(attr))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def program(kind: int) -> int:
    """The descriptor of a program of two instructions."""
    code, text = ctypes.create_string_buffer(PASS), ctypes.create_string_buffer(LICENSE)
    attr = struct.pack("=2I2Q", kind, 2, ctypes.addressof(code), ctypes.addressof(text))
    return bpf(PROG_LOAD, attr + bytes(32))


class Host:
    """`end` is the host's end of the pod's veth."""

    def __init__(self, ip: Any, pod: int) -> None:
        self._ip = ip
        self._pod = pod
        self._held: list[int] = []  # a program stays attached by tcx as long as its link is held
        ip.link("set", index=1, state="up")
        self._veth()

    def _veth(self) -> None:
        self._ip.link(
            "add", ifname="v0", kind="veth", peer={"ifname": "eth0", "net_ns_pid": self._pod}
        )
        self.end = self._ip.link_lookup(ifname="v0")[0]
        self._ip.link("set", index=self.end, state="up")

    def do(self, what: str) -> None:
        """A line of input, after what was before it is gone."""
        while self._held:
            os.close(self._held.pop())
        self._ip.link("del", index=self.end)
        if what == "macvlan":
            self._macvlan()
            return
        self._veth()
        attach: dict[str, Callable[[], None]] = {
            "nothing": lambda: None,
            "clsact": self._clsact,
            "tcx": self._tcx,
            "xdp": self._xdp,
        }
        attach[what]()

    def _clsact(self) -> None:
        self._ip.tc("add", "clsact", self.end)
        self._ip.tc(
            "add-filter",
            "bpf",
            self.end,
            parent=CLSACT_INGRESS,
            protocol=socket.ntohs(3),  # ETH_P_ALL
            prio=1,
            fd=program(SCHED_CLS),
            name="lab",
            flags=1,  # TCA_BPF_FLAG_ACT_DIRECT
        )

    def _tcx(self) -> None:
        attr = struct.pack("=4I", program(SCHED_CLS), self.end, TCX_INGRESS, 0)
        self._held.append(bpf(LINK_CREATE, attr + bytes(16)))

    def _xdp(self) -> None:
        attrs = [("IFLA_XDP_FD", program(XDP)), ("IFLA_XDP_FLAGS", XDP_FLAGS_SKB_MODE)]
        self._ip.link("set", index=self.end, xdp={"attrs": attrs})

    def _macvlan(self) -> None:
        """Its parent is one end of another veth."""
        self._ip.link("add", ifname="v0", kind="veth", peer={"ifname": "v1"})
        self.end = self._ip.link_lookup(ifname="v0")[0]
        for name in ("v0", "v1"):
            self._ip.link("set", index=self._ip.link_lookup(ifname=name)[0], state="up")
        self._ip.link("add", ifname="m0", kind="macvlan", link=self.end, macvlan_mode="bridge")
        made = self._ip.link_lookup(ifname="m0")[0]
        self._ip.link("set", index=made, ifname="eth0", net_ns_pid=self._pod)


def main() -> None:
    if _libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with IPRoute() as ip:
        host = Host(ip, int(sys.argv[1]))
        print("done", flush=True)
        for line in sys.stdin:
            try:
                host.do(line.strip())
                print("done", flush=True)
            except Exception as error:  # noqa: BLE001
                print(f"{type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    main()
