"""Commands, files and processes of a booted guest."""

import contextlib
import itertools
import os
import shlex
from collections.abc import Collection, Sequence
from weakref import WeakSet

from tests.lab.deadline import DeadlineError, until
from tests.lab.machine import Machine
from tests.lab.wire import (
    Completed,
    GuestCommandError,
    GuestError,
    GuestHangsError,
    GuestTimeoutError,
    Process,
    read_file,
)

CGROUP_ROOT = "/sys/fs/cgroup"
COMMAND_SECONDS = 120.0

Command = str | Sequence[str]


class Guest:
    """A guest's hand: a string is a shell script, a sequence an argv.

    Each command runs in a cgroup of its own, /system.slice/lab-*.service, unless one is named
    (relative to the cgroup root). A command costs some 70 ms, reading a file some 5.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._numbers = itertools.count(1)
        self.warm: Process | None = None
        """The interpreter that has imported the agent (guest/usr/local/lib/lab/warm)."""
        self._started: WeakSet[Process] = WeakSet()

    def start(
        self, command: Command, *, cgroup: str | None = None, pty: bool = False, warm: bool = False
    ) -> Process:
        """Start a command and return at once; it is killed when the Process is closed.

        A `warm` command is the agent's, its words are an oom_score_adj, then those of nodewitness.
        """
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        place = cgroup or f"system.slice/lab-{os.getpid()}-{next(self._numbers)}.service"
        try:
            flags = "p" if pty else "w" if warm else ""
            process = Process(self.machine.ports.commands, argv, place, flags=flags)
        except OSError as error:
            raise GuestError(f"no answer: {error}\n{self.machine.console_tail()}") from error
        self._started.add(process)
        return process

    def end_all(self, *, but: Collection[Process]) -> None:
        """Close every Process but these: what a test that failed has not, would be found later, and
        held against another.
        """
        for process in self._started.difference(but):
            process.close()
            self._started.discard(process)

    def run(
        self,
        command: Command,
        *,
        seconds: float = COMMAND_SECONDS,
        check: bool = True,
        stdin: bytes = b"",
        cgroup: str | None = None,
    ) -> Completed:
        """Run a command to its end. GuestError when it fails (if checked) or takes too long."""
        process = self.start(command, cgroup=cgroup)
        try:
            process.send(stdin)
            process.end_input()
            done = process.wait(seconds)
        except GuestTimeoutError as error:
            raise GuestTimeoutError(f"{error}\n{self._what_hangs(process.cgroup)}") from None
        finally:
            process.close()
        if check and done.exit_code != 0:
            raise GuestCommandError(
                f"exit code {done.exit_code} from {command!r}\n{done.out}{done.err}"
            )
        return done

    def _what_hangs(self, cgroup: str) -> str:
        """What a cgroup's processes wait for, for an error message."""
        try:
            pids = self.read(f"{CGROUP_ROOT}/{cgroup}/cgroup.procs").split()
            files = [f"/proc/{pid}/{name}" for pid in pids for name in ("stat", "stack")]
            said = [self.read(file) for file in ["/proc/loadavg", *files]]
        except (OSError, GuestError) as error:
            said = [str(error)]
        return "\n".join(["--- in the guest:", *said, self.machine.console_tail()])

    def check(self, seconds: float) -> None:
        """Wait until it takes commands. One that does not is ended, for tests after this one get
        another: GuestHangsError with where it hangs. A busy guest is slow.
        """

        def answers() -> bool:
            with contextlib.suppress(GuestError, OSError):
                return bool(self.read_bytes("/proc/uptime"))
            return not self.machine.alive()

        try:
            until(answers, seconds, "the guest takes commands")
        except DeadlineError as error:
            raise GuestHangsError(f"{error}\n{self.machine.last_words()}") from None
        if not self.machine.alive():
            raise GuestError(f"the guest has ended\n{self.machine.console_tail()}")

    def read_bytes(self, path: str) -> bytes:
        """A file's content (of /dev/kmsg: the ring). OSError with the guest's errno."""
        try:
            return read_file(self.machine.ports.commands, path)
        except TimeoutError as error:
            raise GuestError(f"no answer\n{self.machine.console_tail()}") from error

    def read(self, path: str) -> str:
        """A file's text. OSError with the guest's errno."""
        return self.read_bytes(path).decode(errors="replace")

    def write(self, path: str, text: str) -> None:
        """Write a file, in one write(2) if it is short."""
        self.run(f"cat > {shlex.quote(path)}", stdin=text.encode())

    def exists(self, path: str) -> bool:
        """Whether a path exists."""
        return self.run(["test", "-e", path], check=False).exit_code == 0
