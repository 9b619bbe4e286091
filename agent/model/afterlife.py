"""What is there of containers and pods that should be gone, and gone of those that should be there.

Ghosts: the kernel runs what the runtime does not know. Hollow ones: the runtime says RUNNING of
what has no process. Dead pods: they exist, and none of their containers lives. The undying: they
were asked to die, and tasks remain.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from agent.model.oom import Container


class RuntimeState(enum.Enum):
    """What the runtime says; of a sandbox READY reads as RUNNING, NOTREADY as EXITED."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    UNKNOWN = "UNKNOWN"


class RuntimeEntry(Struct, frozen=True, kw_only=True):
    """One container or sandbox of the runtime's list."""

    names: Container
    sandbox: bool
    state: RuntimeState
    attempt: int = 0
    """The kubelet's count of restarts; the runtime's list is in no order."""


class RuntimeView(Struct, frozen=True, kw_only=True):
    """One whole answer of the runtime, by container id; it was asked after `asked_boottime_ns`."""

    asked_boottime_ns: int
    entries: Mapping[str, RuntimeEntry]


class Life(Struct, frozen=True, kw_only=True):
    """cgroup.events of one container. None: this hierarchy does not tell."""

    populated: bool | None = None  # a process lives in it or below
    frozen: bool | None = None


class Task(Struct, frozen=True, kw_only=True):
    """One thread, as /proc shows it. comm is chosen by the process: hostile."""

    pid: int
    tid: int
    comm: str
    state: str  # one letter: R S D T t Z X I
    start_boottime_ns: int
    wchan: str = ""  # the kernel's function that it sleeps in; empty: it runs, or is not told
    stack: tuple[str, ...] = ()  # innermost first
    unread: str = ""  # why there is no stack
    since_boottime_ns: int | None = None  # in this state and function at every look since


class TaskList(Struct, frozen=True, kw_only=True):
    """The tasks of one container, those in state D first; at most so many are kept."""

    tasks: tuple[Task, ...] = ()
    more: int = 0
    absent: str = ""  # why they could not be read


class Kill(Struct, frozen=True, kw_only=True):
    """A SIGKILL that was sent some time ago to a process that lives."""

    pid: int
    boottime_ns: int
    sender_pid: int
    sender_comm: str  # hostile
    by_kernel: bool = False  # as the OOM killer does it: the sender only happened to run


class Ghost(Struct, frozen=True, kw_only=True):
    """Its cgroup holds processes, and the runtime does not know it."""

    container: Container
    cgroup: str
    since_boottime_ns: int  # of the first answer without it
    asked_boottime_ns: int  # of the last one
    known: int  # containers and sandboxes in that one
    tasks: TaskList = field(default_factory=TaskList)


class Hollow(Struct, frozen=True, kw_only=True):
    """The runtime says RUNNING, and its cgroup is gone or holds no live process."""

    container: Container
    cgroup: str  # empty: gone
    since_boottime_ns: int
    asked_boottime_ns: int
    init_pid: int | None = None  # as last known
    init_state: str = ""  # of that process; empty: it is gone
    init_cgroup: str = ""


class DeadContainer(Struct, frozen=True, kw_only=True):
    """One container of a dead pod."""

    names: Container
    exit_code: int | None = None  # as the runtime says
    runtime_says: str = ""


class DeadPod(Struct, frozen=True, kw_only=True):
    """It is there, and none of its containers has a live process."""

    pod: Container
    since_boottime_ns: int  # nothing has lived in it since
    sandbox_alive: bool
    containers: tuple[DeadContainer, ...]


class Undying(Struct, frozen=True, kw_only=True):
    """It was asked to die, and tasks of it remain."""

    container: Container
    cgroup: str
    since_boottime_ns: int  # when it was asked, or first seen to outlive its end
    kill: Kill | None = None
    runtime_says_exited: bool = False
    frozen: bool = False  # a fact, and no cause: SIGKILL wakes what the freezer holds
    tasks: TaskList = field(default_factory=TaskList)


class Afterlife(Struct, frozen=True, kw_only=True):
    """All of that at one moment. ghosts and hollow are empty while the runtime does not answer."""

    boottime_ns: int
    runtime_answers: bool
    ghosts: tuple[Ghost, ...] = ()
    hollow: tuple[Hollow, ...] = ()
    dead_pods: tuple[DeadPod, ...] = ()
    undying: tuple[Undying, ...] = ()
