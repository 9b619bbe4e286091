"""How processes end: their exit as the kernel reports it, and the signals sent to them."""

from __future__ import annotations

from msgspec import Struct

RUNTIMES = frozenset(
    {
        *("containerd", "containerd-shim", "runc", "crun", "youki"),
        *("conmon", "conmonrs", "crio", "dockerd", "docker-containe"),
    }
)
"""The comms of what signals containers on the kubelet's behalf, cut at 15 bytes."""


class ProcessExit(Struct, frozen=True, kw_only=True):
    """One exit of a thread group's leader, from the process connector.

    With code 0 it is no proof that the process ended: a leader also exits so when another thread
    of its process calls execve(2), whose image then runs on under the same pid (de_thread,
    fs/exec.c), or when its main function calls pthread_exit(3).
    """

    pid: int  # in the initial pid namespace
    parent_pid: int | None  # None: kernels before 4.18 do not say
    boottime_ns: int
    exit_code: int | None  # 0..255; None: killed by a signal
    signal: int | None  # the signal that killed it; None: it exited by itself
    core_dumped: bool = False


class SignalSent(Struct, frozen=True, kw_only=True):
    """One signal:signal_generate event. The sender is whoever was running when it was generated."""

    boottime_ns: int
    signal: int
    code: int  # si_code: 0 kill(2), -6 tgkill(2), 128 the kernel itself; see sigaction(2)
    sender_pid: int  # of the thread that ran
    sender_comm: str  # chosen by the process: hostile
    target_pid: int  # of the thread; of the process if to_group and sent by kill(2)
    target_comm: str
    to_group: bool  # the whole process, not one thread
    delivered: bool  # False: it was ignored, or not queued
    sender_cgroup: str = ""  # read at once where the target is a container's init; empty: not known


class Death(Struct, frozen=True, kw_only=True):
    """What is known of how one process ended."""

    exit: ProcessExit | None  # None: not seen; it may live, or no source tells of exits
    signals: tuple[SignalSent, ...]  # that were sent to it, oldest first
