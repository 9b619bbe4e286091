"""A disk with a partition whose requests a process of the guest answers (nbd), or does not: while
that process is stopped they are in flight, as to a storage server that hangs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.scenarios.slow_disk import MIB
from tests.lab.wire import Process

DISK = "nbd0"
PARTITION = f"{DISK}p1"
SECONDS = 60
# The kernel's own protocol (include/uapi/linux/nbd.h). Who is in NBD_DO_IT must not be stopped: a
# signal ends it, and with it the disk. It takes no flushes: one in flight is not counted as such
# (blk_mq_check_inflight, Linux 6.1), and what waits for it would be told of the device on top.
SERVE = f"""
import fcntl, mmap, os, socket, struct
SET_SOCK, SET_BLKSIZE, DO_IT, CLEAR_SOCK, SET_BLOCKS = (
    0xab00 + number for number in (0, 1, 3, 4, 7)
)
READ, WRITE, DISCONNECT = 0, 1, 2
SECTORS, FIRST = {(MIB + 1) * 2048}, 2048
disk = mmap.mmap(-1, 512 * SECTORS)
disk[446:462] = struct.pack("<4xB3xII", 0x83, FIRST, SECTORS - FIRST)
disk[510:512] = bytes((0x55, 0xaa))
ours, theirs = socket.socketpair()
if os.fork() == 0:
    ours.close()
    device = os.open("/dev/{DISK}", os.O_RDWR)
    fcntl.ioctl(device, SET_BLKSIZE, 512)
    fcntl.ioctl(device, SET_BLOCKS, SECTORS)
    fcntl.ioctl(device, SET_SOCK, theirs.fileno())
    try:
        fcntl.ioctl(device, DO_IT)
    finally:
        fcntl.ioctl(device, CLEAR_SOCK)
        os._exit(0)
theirs.close()
print("ready", flush=True)
while len(asked := ours.recv(28, socket.MSG_WAITALL)) == 28:
    _, kind, handle, at, size = struct.unpack(">II8sQI", asked)
    kind &= 0xffff
    answer = struct.pack(">II8s", 0x67446698, 0, handle)
    if kind == DISCONNECT:
        break
    if kind == WRITE:
        disk[at : at + size] = ours.recv(size, socket.MSG_WAITALL)
    elif kind == READ:
        answer += disk[at : at + size]
    ours.sendall(answer)
"""


class RemoteDisk:
    """/dev/nbd0, with one partition that holds a SlowDisk."""

    def __init__(self, guest: Guest, server: Process) -> None:
        self._guest = guest
        self._server = server

    @contextmanager
    def silent(self) -> Iterator[None]:
        """What is asked of it from now on is in flight until this ends; always ended."""
        self._guest.run(["kill", "-STOP", str(self._server.pid)])
        try:
            yield
        finally:
            self._guest.run(["kill", "-CONT", str(self._server.pid)])


@contextmanager
def remote_disk(guest: Guest) -> Iterator[RemoteDisk]:
    """The one; it is gone at the end."""
    guest.run("modprobe nbd nbds_max=1 max_part=1")
    # It must not starve: a disk that answers late is what other tests look for.
    server = guest.start(["nice", "-n", "-10", "python3", "-c", SERVE])
    try:
        server.wait_out("ready", SECONDS)

        def parted() -> bool:
            guest.run(["blockdev", "--rereadpt", f"/dev/{DISK}"], check=False)
            return guest.exists(f"/dev/{PARTITION}")

        until(parted, SECONDS, "it has a partition", lambda: f"{server.out}{server.err}")
        yield RemoteDisk(guest, server)
    finally:
        server.close()
