"""A cgroup of the guest."""

import signal

from tests.lab.deadline import until
from tests.lab.guest import CGROUP_ROOT, Guest

GONE_SECONDS = 120.0


class Group:
    """A cgroup by its path, as the kernel prints it (with a leading slash). It need not exist."""

    def __init__(self, guest: Guest, path: str) -> None:
        self.guest = guest
        self.path = path

    @property
    def directory(self) -> str:
        """Its directory in the guest."""
        return CGROUP_ROOT + self.path

    def make(self, memory_max: int | None = None) -> "Group":
        """Make it, with a limit if there is one."""
        limit = "" if memory_max is None else f" && echo {memory_max} > {self.directory}/memory.max"
        self.guest.run(f"mkdir -p {self.directory}{limit}")
        return self

    def read(self, name: str) -> str:
        """One of its files. FileNotFoundError once it has been removed."""
        return self.guest.read(f"{self.directory}/{name}")

    def pids(self) -> tuple[int, ...]:
        """The guest's pids of its own processes, ascending; none when it is gone."""
        try:
            return tuple(sorted(map(int, self.read("cgroup.procs").split())))
        except OSError:
            return ()

    def exists(self) -> bool:
        """Whether it is there."""
        try:
            self.read("cgroup.procs")
        except OSError:
            return False
        return True

    def memory_events(self, *, local: bool = False) -> dict[str, int]:
        """memory.events, or memory.events.local."""
        text = self.read("memory.events.local" if local else "memory.events")
        pairs = (line.split() for line in text.splitlines())
        return {key: int(value) for key, value in pairs}

    def signal(self, number: int) -> None:
        """A signal for all its own processes, from outside."""
        self.guest.run(f"kill -{int(number)} {' '.join(map(str, self.pids()))}")

    def go(self) -> None:
        """SIGUSR1: whoever runs `work wait` in it goes on, the other `work`s ignore it."""
        self.signal(signal.SIGUSR1)

    def kill(self) -> None:
        """SIGKILL for all that lives in it and below it; nothing when it is gone."""
        self.guest.run(f"[ ! -e {self.directory} ] || echo 1 > {self.directory}/cgroup.kill")

    def remove(self) -> None:
        """Remove it and what is below it, as soon as nothing lives there any more."""

        def removed() -> bool:
            find = f"find {self.directory} -depth -type d -exec rmdir {{}} +"
            return (
                self.guest.run(f"[ ! -e {self.directory} ] || {find}", check=False).exit_code == 0
            )

        until(removed, GONE_SECONDS, f"{self.path} can be removed")
