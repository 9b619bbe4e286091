"""Exits and signals for tests."""

from __future__ import annotations

from agent.model.death import ProcessExit, SignalSent


def process_exit(pid: int, boottime_ns: int, *, signal: int | None = None) -> ProcessExit:
    """Killed by `signal`, or exited 0."""
    return ProcessExit(
        pid=pid,
        parent_pid=1,
        boottime_ns=boottime_ns,
        exit_code=0 if signal is None else None,
        signal=signal,
    )


def signal_sent(target_pid: int, boottime_ns: int, *, signal: int = 9) -> SignalSent:
    """By kill(2), from a shell."""
    return SignalSent(
        boottime_ns=boottime_ns,
        signal=signal,
        code=0,
        sender_pid=77,
        sender_comm="bash",
        target_pid=target_pid,
        target_comm="work",
        to_group=True,
        delivered=True,
    )
