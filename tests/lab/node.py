"""The guest as a node: containerd is up, the images are there, the kubelet's part can begin."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.cri import Cri
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.layer import LIBRARY
from tests.lab.wire import GuestError, Process

CONTAINERD_CGROUP = "system.slice/containerd.service"
CONTAINERD_SECONDS = 120.0
LINES_OF_ITS_LOG = 40
_BLOCKED = """
for stat in $(grep -l ') D ' /proc/[0-9]*/task/[0-9]*/stat 2> /dev/null); do
    cut -d ' ' -f 1-3 $stat
    cat ${stat%stat}stack
done
"""


class Node:
    """A guest with containerd. Close it before the machine is stopped."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.driver = guest.machine.config.driver
        self.cri = Cri(guest.machine.ports.containerd, guest.machine.artefacts.cri)
        self._containerd: Process | None = None

    def up(self) -> None:
        """Start containerd and import the images."""
        self.start_containerd()
        self.guest.run(
            ["ctr", "-n", "k8s.io", "images", "import", f"/{LIBRARY}/images.tar"], seconds=240
        )

    @property
    def containerd(self) -> Process:
        """containerd's process; its log is the stderr."""
        if self._containerd is None:
            raise RuntimeError("containerd was never started here")
        return self._containerd

    def start_containerd(self) -> None:
        """Start containerd unless it runs, and wait until it answers."""
        if self._containerd is None or not self._containerd.running():
            if self._containerd is not None:
                self._containerd.close()
            # Not of labd's making, so that the shims survive containerd's end, as under systemd.
            self.guest.run(["mkdir", "-p", f"/sys/fs/cgroup/{CONTAINERD_CGROUP}"])
            self._containerd = self.guest.start(["containerd"], cgroup=CONTAINERD_CGROUP)
        until(self._answers, CONTAINERD_SECONDS, "containerd answers", lambda: self.containerd.err)

    def _answers(self) -> bool:
        return self.containerd.running() and self.cri.answers()

    def network_ready(self) -> bool:
        """Whether containerd has a network for pods, as it says itself."""
        conditions = self.cri.call("Status").status.conditions
        return any(each.type == "NetworkReady" and each.status for each in conditions)

    def stop_containerd(self, number: int = signal.SIGTERM) -> None:
        """End containerd by a signal; containers and shims live on."""
        self.containerd.signal(number)
        self.containerd.wait(CONTAINERD_SECONDS)

    @contextmanager
    def containerd_stopped(self) -> Iterator[None]:
        """SIGSTOP: the socket accepts, nobody answers. Always continued at the end."""
        pid = self.containerd.pid
        self.containerd.signal(signal.SIGSTOP)
        until(lambda: self._state(pid) == "T", 60, "containerd is stopped")
        try:
            yield
        finally:
            self.containerd.signal(signal.SIGCONT)
            until(self._answers, CONTAINERD_SECONDS, "containerd answers again")

    def end_commands(self) -> None:
        """End whatever still runs of what was started in the guest, but for the node itself."""
        own = (self._containerd, self.guest.warm)
        self.guest.end_all(but=[process for process in own if process is not None])

    def continue_containerd(self) -> None:
        """SIGCONT, in case a test has stopped it and did not get further."""
        if self.containerd.running():
            self.containerd.signal(signal.SIGCONT)

    def _state(self, pid: int) -> str:
        return self.guest.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]

    def what_hangs(self) -> str:
        """The end of containerd's log and the tasks in state D, for an error message."""
        said = self._containerd.err.splitlines()[-LINES_OF_ITS_LOG:] if self._containerd else []
        try:
            blocked = self.guest.run(_BLOCKED, check=False).out
        except (GuestError, OSError) as error:
            blocked = str(error)
        return "\n".join([*said, blocked])

    def close(self) -> None:
        """Hang up; ends containerd."""
        self.cri.close()
        if self._containerd is not None:
            self._containerd.close()
