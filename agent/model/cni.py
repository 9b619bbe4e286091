"""Calls of CNI plugins: what runs, what has ended, and whether pods get a network."""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.oom import Container

ADD = "ADD"


class CallState(enum.Enum):
    """Where one call stands."""

    RUNNING = "running"
    SLOW = "slow"  # runs for longer than cni.slow_after
    STALLED = "stalled"  # runs for longer than cni.stalled_after
    OK = "ok"  # ended with code 0
    FAILED = "failed"  # ended with another code, or by a signal
    UNKNOWN = "unknown"  # ended, and nobody told how


class NetworkState(enum.Enum):
    """How pods of this node get their networks. All ADDs for one sandbox are one attempt."""

    IDLE = "idle"  # no attempt was seen, or none has succeeded and nothing else can be said
    WORKING = "working"  # the last attempt gave a pod its network
    SLOW = "slow"  # one takes long
    FLAPPING = "flapping"  # of those of the last ten minutes some failed and some did not
    WEDGED = "wedged"  # for long they were made or under way without a break, and none succeeded


class PluginProcess(Struct, frozen=True, kw_only=True):
    """Who it is, as /proc says."""

    pid: int
    start_boottime_ns: int
    parent_pid: int
    comm: str
    cgroup: str  # in the memory hierarchy; empty: not known


class LockHolder(Struct, frozen=True, kw_only=True):
    """The process that the kernel says has the lock."""

    pid: int
    comm: str = ""  # empty: it is gone, or cannot be read
    state: str = ""
    wchan: str = ""


class LockWait(Struct, frozen=True, kw_only=True):
    """The file lock that a task waits for (/proc/locks)."""

    kind: str  # FLOCK, POSIX, OFDLCK or LEASE
    file: str  # its path, or major:minor:inode where that is not told
    holders: tuple[LockHolder, ...] = ()


class CallWait(Struct, frozen=True, kw_only=True):
    """Where a call that runs was at the last look; `state` is empty where it could not be read."""

    boottime_ns: int
    comm: str = ""
    tid: int = 0  # of the thread that tells most
    state: str = ""
    wchan: str = ""
    lock: LockWait | None = None
    unread: str = ""  # why it could not be read


class CNICall(Struct, frozen=True, kw_only=True):
    """One execution of a plugin. Identity: pid and start."""

    pid: int
    start_boottime_ns: int  # of the process
    plugin: str  # the path that was executed
    started_boottime_ns: int  # when it was executed
    parent_pid: int
    command: str = ""  # CNI_COMMAND; empty: its environment could not be read, `unread` says why
    container_id: str = ""
    netns: str = ""
    interface: str = ""
    pod: Container | None = None  # from CNI_ARGS, else by the container's id
    unread: str = ""
    delegated_by: int | None = None  # the pid of the call that executed it
    ended_boottime_ns: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    wait: CallWait | None = None  # while it runs

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.start_boottime_ns

    @property
    def running(self) -> bool:
        return self.ended_boottime_ns is None

    @property
    def name(self) -> str:
        """The plugin's file name."""
        return self.plugin.rpartition("/")[2]

    def seconds(self, now_boottime_ns: int) -> float:
        """How long it took, or takes until now."""
        end = now_boottime_ns if self.ended_boottime_ns is None else self.ended_boottime_ns
        return max(0, end - self.started_boottime_ns) / 1e9


class CNIBooks(Struct, frozen=True, kw_only=True):
    """Since the agent started. seen = running + ended + missed + others."""

    seen: int = 0  # executions of files in the plugins' directories, outside of containers
    running: int = 0
    ended: int = 0
    missed: int = 0  # gone before they could be looked at
    others: int = 0  # executions that are no CNI calls: without CNI_COMMAND


class CNITotals(Struct, frozen=True, kw_only=True):
    """Of one command and result, delegates left out: what the metrics count."""

    count: int = 0
    seconds: float = 0.0


class NetworkHealth(Struct, frozen=True, kw_only=True):
    """The judgement, and what it rests on."""

    state: NetworkState = NetworkState.IDLE
    since_boottime_ns: int | None = None  # nothing succeeded since then; only while WEDGED
    failed: int = 0  # attempts since the last success
    succeeded_boottime_ns: int | None = None  # the last success


class PluginFile(Struct, frozen=True, kw_only=True):
    """A plugin that a configuration names."""

    type: str
    path: str = ""  # where it was found; empty: in none of the directories
    problem: str = ""  # why containerd cannot execute it; empty: it can


class CNIConfigFile(Struct, frozen=True, kw_only=True):
    """One file of the configuration directory, in the order in which they are read."""

    path: str
    loaded: bool = False  # the network that pods get
    network: str = ""
    version: str = ""
    plugins: tuple[PluginFile, ...] = ()
    problem: str = ""  # why it does not load


class CNIPlaces(Struct, frozen=True, kw_only=True):
    """Where the runtime says that it looks. Empty: it does not say."""

    conf_dir: str = ""
    bin_dirs: tuple[str, ...] = ()


class CNIConfig(Struct, frozen=True, kw_only=True):
    """What the runtime would load from the directory."""

    boottime_ns: int
    directory: str
    bin_directories: tuple[str, ...]
    same_since_boottime_ns: int = 0  # its files were the same at each look since
    files: tuple[CNIConfigFile, ...] = ()
    absent: str = ""  # why the directory cannot be read; empty: it is read
    watched: bool = False  # inotify tells of changes; else it is read every few seconds
    assumed: bool = False  # nobody has said that it is here: the usual directories

    @property
    def loaded(self) -> CNIConfigFile | None:
        return next((file for file in self.files if file.loaded), None)


class NetworkWord(Struct, frozen=True, kw_only=True):
    """What the runtime itself says of its network."""

    boottime_ns: int  # when it was asked
    ready: bool
    message: str = ""  # why it is not


class CNIReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment. Calls: those that run, then the ended, the newest first."""

    boottime_ns: int
    wall_ns: int
    slow_after_seconds: float
    stalled_after_seconds: float
    calls: tuple[CNICall, ...] = ()
    books: CNIBooks = CNIBooks()
    totals: dict[tuple[str, CallState], CNITotals] | None = None
    health: NetworkHealth = NetworkHealth()
    config: CNIConfig | None = None
    word: NetworkWord | None = None  # None: the runtime does not answer
    elsewhere: str = ""  # why `config` is not what the runtime has; empty: it is

    def state(self, call: CNICall) -> CallState:
        """Where a call of this report stands."""
        if call.running:
            age = call.seconds(self.boottime_ns)
            if age >= self.stalled_after_seconds:
                return CallState.STALLED
            return CallState.SLOW if age >= self.slow_after_seconds else CallState.RUNNING
        return result(call)

    def running(self) -> tuple[CNICall, ...]:
        """Those that run, the oldest first."""
        found = (call for call in self.calls if call.running)
        return tuple(sorted(found, key=lambda call: call.started_boottime_ns))


def result(call: CNICall) -> CallState:
    """How a call ended."""
    if call.exit_code == 0:
        return CallState.OK
    if call.exit_code is None and call.signal is None:
        return CallState.UNKNOWN
    return CallState.FAILED
