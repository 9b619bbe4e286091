"""BPF programs on interfaces of the guest: what Cilium does to the host's end of a pod's veth."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.guest import Guest

PINS = "/run/lab/bpf"
LOADER = """\
import ctypes, os, struct, sys
PROG_LOAD, OBJ_PIN, LINK_CREATE = 5, 6, 28
KINDS = {"clsact": (3, 2), "tcx": (3, 0), "xdp": (6, 2)}  # the kind of program, and what it returns
TCX_INGRESS = 46
libc = ctypes.CDLL(None, use_errno=True)

def bpf(command, attr):
    found = libc.syscall(321, command, ctypes.create_string_buffer(attr), len(attr))
    if found < 0:
        raise OSError(ctypes.get_errno(), f"bpf {command}: {os.strerror(ctypes.get_errno())}")
    return found

how, path, interface = sys.argv[1:]
kind, verdict = KINDS[how]
code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0))
text = ctypes.create_string_buffer(b"GPL")
attr = struct.pack("=2I2Q", kind, 2, ctypes.addressof(code), ctypes.addressof(text))
fd = bpf(PROG_LOAD, attr + bytes(32))
if how == "tcx":
    index = int(open(f"/sys/class/net/{interface}/ifindex").read())
    fd = bpf(LINK_CREATE, struct.pack("=4I", fd, index, TCX_INGRESS, 0) + bytes(16))
name = ctypes.create_string_buffer(path.encode())
bpf(OBJ_PIN, struct.pack("=QI", ctypes.addressof(name), fd) + bytes(4))
"""
"""x86_64. Pins a program of two instructions, of tcx the link that keeps it attached. That for
clsact drops whatever the pod sends (TC_ACT_SHOT), the others let it through.
"""


@contextmanager
def attached(guest: Guest, how: str, interface: str) -> Iterator[None]:
    """A program is attached to the interface in one way alone: clsact, xdp or tcx."""
    pin = f"{PINS}/{how}"
    device = f"dev {interface}"
    program = f"bpf object-pinned {pin} direct-action"
    attach, detach = {
        "clsact": (
            f"tc qdisc add {device} clsact && tc filter add {device} ingress {program}",
            f"tc qdisc del {device} clsact",
        ),
        "xdp": (
            f"ip link set {device} xdpgeneric pinned {pin}",
            f"ip link set {device} xdpgeneric off",
        ),
        "tcx": ("true", "true"),  # the link that is pinned is all
    }[how]
    guest.run(f"mkdir -p {PINS} && mount -t bpf bpf {PINS}")
    try:
        guest.run(["python3", "-c", LOADER, how, pin, interface])
        guest.run(attach)
        yield
    finally:
        guest.run(f"{detach}; rm -f {pin}; umount {PINS}", check=False)
