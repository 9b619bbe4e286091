"""A stand-in for etcd: a process of that name that syncs its log all the time."""

from tests.lab.guest import Guest
from tests.lab.wire import Process

PROGRAM = "/run/lab/etcd"
_SYNCS = """
import os
f = os.open("{directory}/wal", os.O_CREAT | os.O_WRONLY)
while True:
    os.pwrite(f, b"x" * 512, 0)
    os.fsync(f)
"""


def etcd_stand_in(guest: Guest, directory: str) -> Process:
    """It runs, with its log in this directory; close it. The agent finds it by its name."""
    guest.run(f'cp "$(readlink -f "$(command -v python3)")" {PROGRAM}')
    syncs = _SYNCS.format(directory=directory)
    argv = ["env", "PYTHONHOME=/usr", PROGRAM, "-c", syncs, f"--data-dir={directory}"]
    return guest.start(argv, cgroup="system.slice/etcd.service")
