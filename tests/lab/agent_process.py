"""The agent in the guest: started, stopped, killed and asked from here."""

import http.client
import io
import signal
import tarfile
from collections.abc import Mapping, Sequence

import grpc

from tests.lab.cache import PROJECT
from tests.lab.cri import open_channel
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.wire import Completed, Process

CGROUP = "system.slice/nodewitness.service"
CODE = "/run/lab/code"
STATE_DIRECTORY = "/var/lib/nodewitness"
# What the kubelet gives a pod of class system-node-critical: the last to die when the node is full.
OOM_SCORE_ADJ = "-997"
WARM_CGROUP = "system.slice/lab-warm.service"
WARM = "/usr/local/lib/lab/warm"
START_SECONDS = 300.0
STOP_SECONDS = 120.0
# While a storm goes on, an emulated agent that has just begun takes seconds for each answer.
HEALTH_SECONDS = 15.0
# 8.5 s were seen on a busy emulated node.
SCRAPE_SECONDS = 90.0
# The last line of its opening, which it says once it serves.
OPENED = "\n  journal  "
# grpc.health.v1.HealthCheckResponse{status: SERVING}
SERVING = b"\x08\x01"


def load_code(guest: Guest) -> None:
    """Copy the agent's code, bytecode included, into the guest's memory: it starts 3 s sooner."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(PROJECT / "agent", "agent")
    unpack = f"rm -rf {CODE} && mkdir -p {CODE} && tar -x -C {CODE}"
    guest.run(unpack, stdin=archive.getvalue())


def warm_up(guest: Guest) -> None:
    """Have an interpreter import the agent once: those that are started from it are spared that.

    The kernel never kills it for want of memory: it is no part of the node.
    """
    argv = ["choom", "-n", "-1000", "--", "python3", "-P", WARM]
    guest.warm = guest.start(argv, cgroup=WARM_CGROUP)
    guest.warm.wait_out("warm", START_SECONDS)


class AgentProcess:
    """`nodewitness run` in the guest, one at a time, and the ways to ask it."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.channel = open_channel(guest.machine.ports.agent)
        """To the agent's unix socket; outlives the agent's restarts."""
        self._health: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check"
        )
        self._process: Process | None = None
        self._settings: dict[str, str] = {}
        self._earlier_log = ""

    @property
    def process(self) -> Process:
        """The running (or last) process."""
        if self._process is None:
            raise RuntimeError("the agent was never started")
        return self._process

    def start(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        wait: bool = True,
        without: Sequence[str] = (),
        cold: bool = False,
    ) -> None:
        """Start it with settings (`{"oom.settle": "1s"}`), wait until its health is SERVING.

        `without` these capabilities ("sys_admin"). A `cold` one imports its modules itself, as
        every one does after a restart, and where the lab keeps no interpreter warm.
        """
        if self._process is not None and self._process.running():
            raise RuntimeError("the agent runs already")
        self._settings = {"state.directory": STATE_DIRECTORY, **(settings or {})}
        pairs = (f"{key}={value}" for key, value in self._settings.items())
        words = [word for pair in pairs for word in ("--set", pair)]
        self._close()
        drop = ",".join(f"-{name}" for name in without)
        bound = ["setpriv", f"--inh-caps={drop}", f"--bounding-set={drop}"] if drop else []
        if self.guest.warm is not None and not bound and not cold:
            argv = [OOM_SCORE_ADJ, "run", *words]
            self._process = self.guest.start(argv, cgroup=CGROUP, warm=True)
        else:
            argv = ["choom", "-n", OOM_SCORE_ADJ, "--", *bound, "nodewitness", "run", *words]
            self._process = self.guest.start(argv, cgroup=CGROUP)
        if wait:
            self.wait_serving()

    def wait_serving(self, seconds: float = START_SECONDS) -> None:
        """Wait until its health service says SERVING; fails at once when it has ended.

        It is not asked before it has said its opening: each try in vain is a process of the relay,
        some six a second, and they would take the guest's processors from the start itself.
        """

        def serving() -> bool:
            if not self.process.running():
                raise AssertionError(f"the agent has ended: {self.process.end()}\n{self.log()}")
            return OPENED in self.process.out and self.serving()

        until(serving, seconds, "the agent is SERVING", self.log)

    def serving(self, seconds: float = HEALTH_SECONDS) -> bool:
        """Whether its health service says SERVING now."""
        try:
            return bool(self._health(b"", timeout=seconds) == SERVING)
        except grpc.RpcError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> Completed:
        """End it by a signal (SIGKILL for a crash) and wait for its end."""
        self.process.signal(number)
        return self.process.wait(STOP_SECONDS)

    def restart(self, number: int = signal.SIGTERM) -> None:
        """Stop it, start it again with the same settings."""
        self.stop(number)
        self.start(self._settings, cold=True)

    def metrics(self, seconds: float = SCRAPE_SECONDS) -> str:
        """GET /metrics."""
        port = self.guest.machine.ports.metrics
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise AssertionError(f"/metrics: {response.status} {response.reason}\n{text}")
        return text

    def log(self) -> str:
        """Everything it has written in this test, earlier runs included."""
        return self._earlier_log + self._written()

    def _written(self) -> str:
        process = self._process
        if process is None:
            return ""
        return f"--- {' '.join(process.argv)}\n{process.out}{process.err}"

    def _close(self) -> None:
        self._earlier_log += self._written()
        if self._process is not None:
            self._process.close()
            self._process = None

    def close(self) -> None:
        """Kill it if it runs, close the channel."""
        self._close()
        self.channel.close()
