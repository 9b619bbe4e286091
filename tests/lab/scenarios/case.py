"""An armed fault: what will fire it, and what it must come to."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.pods import Container
from tests.lab.truth import Books, Mark, books_since, mark
from tests.lab.wire import GuestError

MIB = 1 << 20
SETTLE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The ground truth that a case must come to."""

    limit_group: Group
    """The cgroup whose limit fires."""
    limit_bytes: int
    victim_group: Group
    """The victims' cgroup."""
    processes: int
    """How many live in the victims' cgroup when it fires."""
    group_kill: bool
    """All of them are killed, else exactly one."""
    survives: bool
    """The init of the container (or the service's main process) lives on."""
    at_least: int = 1
    """How many kills there must be."""


@dataclass(slots=True, kw_only=True)
class Case:
    """One armed fault."""

    expected: Expected
    container: Container | None = None
    """The victim's container; none when the victim is outside kubepods."""
    before: Mark | None = None
    """Taken by fire()."""
    trigger: Callable[[], None] | None = None
    """Lets it happen; without one the victims' cgroup is told to go."""
    finish: Callable[[], None] = lambda: None
    """Waits for more than the kill."""
    settle_seconds: float = SETTLE_SECONDS

    @property
    def the_container(self) -> Container:
        """The victim's container, where there must be one."""
        if self.container is None:
            raise LookupError("the victim is in no container")
        return self.container

    def fire(self) -> Books:
        """Let it happen, wait until the kernel is done with it, return the kernel's books of it."""
        guest = self.expected.victim_group.guest
        since = self.before = mark(guest)
        (self.trigger or self.expected.victim_group.go)()
        books = until(lambda: self._settled(since), self.settle_seconds, "the kill is over")
        self.finish()
        return books

    def _settled(self, since: Mark) -> Books | None:
        group = self.expected.victim_group
        try:
            books = books_since(group.guest, since)
            living = set(group.pids())
        except GuestError:
            return None  # too short of memory to answer: it is asked again
        dead = not living if self.expected.group_kill else not living & books.victims
        complete = books.counted == len(books.kills) >= self.expected.at_least
        return books if dead and complete else None
