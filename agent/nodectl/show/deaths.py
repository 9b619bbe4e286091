"""`nodectl exits`: deaths of containers as a table."""

from __future__ import annotations

import signal
from collections.abc import MutableSequence

from agent.api.exits import VERDICT
from agent.api.v1 import exits_pb2, node_agent_pb2, oom_pb2
from agent.model.exits import Verdict
from agent.nodectl.show.oom import aligned, container_words
from agent.nodectl.show.words import age, escape, timestamp

NARROW = ("WHEN", "WHERE", "VERDICT", "CODE/SIGNAL", "SENDER", "RUNTIME SAYS")
WIDE = (*NARROW, "TIME", "PID", "ATTEMPT", "SENDER RAN IN", "SEEN BY", "SURE", "ID")

_REASONS = {
    exits_pb2.STOP_REASON_RESTART: "restart",
    exits_pb2.STOP_REASON_EVICTION: "eviction",
    exits_pb2.STOP_REASON_DELETION: "deletion",
}
_BY_RUNTIME = (
    exits_pb2.VERDICT_KILLED_BY_RUNTIME,
    exits_pb2.VERDICT_STOPPED_BY_RUNTIME,
    exits_pb2.VERDICT_GRACE_EXCEEDED,
)
_SURE = {
    oom_pb2.CONFIDENCE_LOW: "low",
    oom_pb2.CONFIDENCE_MEDIUM: "medium",
    oom_pb2.CONFIDENCE_HIGH: "high",
}


def sort(deaths: MutableSequence[exits_pb2.ContainerDeath], by: str) -> None:
    """In place, by a name of agent.nodectl.deaths.SORTS; the agent gives the newest first."""
    match by:
        case "name":
            found = sorted(deaths, key=_names)
        case "verdict":
            found = sorted(deaths, key=lambda death: death.verdict)
        case _:
            return
    del deaths[:]
    deaths.extend(found)


def _names(death: exits_pb2.ContainerDeath) -> tuple[str, str, str]:
    who = death.container
    return who.namespace, who.pod or who.pod_uid, who.name or who.id


def report(
    answer: node_agent_pb2.ListExitsResponse,
    now_ns: int,
    searched: str,
    *,
    wide: bool = False,
    columns: int | None = None,
) -> str:
    """The table. A row is one line, unless the terminal has fewer `columns`: then it is two, and
    no name is ever cut.
    """
    lines = (
        _table(answer, now_ns, wide=wide) if answer.exits else [f"No container ended{searched}."]
    )
    if columns is not None and not wide and max(map(len, lines)) > columns and answer.exits:
        lines = _folded(answer, now_ns)
    if answer.HasField("oldest_held"):
        oldest = answer.oldest_held
        lines += ["", f"held   back to {timestamp(oldest)} ({age(oldest, now_ns)} ago)"]
    if answer.truncated:
        lines.append(f"more   only the newest {len(answer.exits)} are shown: raise --limit")
    return "\n".join(lines)


def _table(answer: node_agent_pb2.ListExitsResponse, now_ns: int, *, wide: bool) -> list[str]:
    rows = [_narrow(each, now_ns) + (_wide(each) if wide else ()) for each in answer.exits]
    return aligned(rows, WIDE if wide else NARROW)


def _folded(answer: node_agent_pb2.ListExitsResponse, now_ns: int) -> list[str]:
    """Two lines a row: when and where, and below it why."""
    rows = [_narrow(each, now_ns) for each in answer.exits]
    first = aligned([row[:2] for row in rows], NARROW[:2])
    margin = " " * (max(len(row[0]) for row in rows) + 2)
    second = [margin + line for line in aligned([row[2:] for row in rows], NARROW[2:])]
    return [line for pair in zip(first, second, strict=True) for line in pair]


def _narrow(death: exits_pb2.ContainerDeath, now_ns: int) -> tuple[str, ...]:
    return (
        f"{age(death.time, now_ns)} ago",
        container_words(death.container),
        verdict(death),
        end(death),
        sender(death),
        runtime_says(death),
    )


def _wide(death: exits_pb2.ContainerDeath) -> tuple[str, ...]:
    return (
        timestamp(death.time),
        str(death.init_pid) if death.HasField("init_pid") else "?",
        str(death.attempt) if death.HasField("attempt") else "?",
        _home(death.sender) or "?" if death.HasField("sender") else "-",
        ", ".join(map(escape, death.witnesses)) or "-",
        _SURE.get(death.confidence, "?"),
        escape(death.id),
    )


def verdict(death: exits_pb2.ContainerDeath) -> str:
    """ "grace-exceeded (restart)": with the reason of a stop where it is known; "open" while the
    evidence is still awaited.
    """
    found = VERDICT.to_model(death.verdict)
    if found is Verdict.UNKNOWN and not death.settled:
        return "open"
    reason = _REASONS.get(death.stop_reason)
    return found.value if reason is None else f"{found.value} ({reason})"


def end(death: exits_pb2.ContainerDeath) -> str:
    """ "SIGKILL", "code 3", "code 137?" where only the runtime tells it, or "?"."""
    if death.HasField("signal"):
        try:
            name = signal.Signals(death.signal).name
        except ValueError:
            name = f"signal {death.signal}"
        return f"{name}, core" if death.core_dumped else name
    if not death.HasField("exit_code"):
        return "?"
    doubt = "?" if "connector" not in death.witnesses and death.exit_code > 127 else ""
    return f"code {death.exit_code}{doubt}"


def sender(death: exits_pb2.ContainerDeath) -> str:
    """ "bash[4711] in session-3.scope"; "-" where nobody sent anything that counted. Where a
    runtime runs need not be said.
    """
    if not death.HasField("sender"):
        return "-"
    name = f"{escape(death.sender.comm) or '?'}[{death.sender.pid}]"
    home = "" if death.verdict in _BY_RUNTIME else _home(death.sender)
    return f"{name} in {home}" if home else name


def _home(who: exits_pb2.Sender) -> str:
    if who.HasField("container"):
        return container_words(who.container)
    return escape(who.unit or who.cgroup)


def runtime_says(death: exits_pb2.ContainerDeath) -> str:
    """The runtime's word in short, and whether the kernel's differs: "Error, 137  <- wrong"."""
    said = escape(death.runtime_says).replace(", exit code ", ", ")
    if not said:
        return "?"
    return f"{said}  <- wrong" if death.disagreement else said


def sentence(death: exits_pb2.ContainerDeath) -> str:
    """One death in a line."""
    by = f" by {sender(death)}" if death.HasField("sender") else ""
    says = f", runtime says {runtime_says(death)}" if death.runtime_says else ""
    return f"{container_words(death.container)}: {verdict(death)}{by}, {end(death)}{says}"


def evidence(death: exits_pb2.ContainerDeath) -> list[str]:
    """What it rests on, in parts for a line."""
    return [
        f"seen by {', '.join(map(escape, death.witnesses)) or 'nobody'}",
        f"sure {_SURE.get(death.confidence, '?')}",
        f"id {escape(death.id)} revision {death.revision}",
    ]
