"""`nodectl oom`: incidents as a table, the newest first as the agent gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.api.v1 import node_agent_pb2, oom_pb2
from agent.nodectl.show.evidence import confidence, first_victim, known_by, witnesses
from agent.nodectl.show.words import age, books_line, books_notes, escape, size, timestamp

NARROW = (
    "WHEN", "NAMESPACE", "POD", "CONTAINER", "VICTIM", "RSS", "LIMIT", "HIDDEN", "RUNTIME SAYS",
)  # fmt: skip
WIDE = (
    *NARROW, "TIME", "OUTCOME", "CONSTRAINT", "LIMIT CGROUP", "CGROUP", "NS PID", "UID", "ADJ",
    "KMSG", "BY", "SEEN BY", "SURE", "ID",
)  # fmt: skip

_LEVELS = {
    oom_pb2.LIMIT_LEVEL_UNSPECIFIED: "?",
    oom_pb2.LIMIT_LEVEL_CONTAINER: "container",
    oom_pb2.LIMIT_LEVEL_POD: "pod",
    oom_pb2.LIMIT_LEVEL_QOS: "qos",
    oom_pb2.LIMIT_LEVEL_KUBEPODS: "kubepods",
    oom_pb2.LIMIT_LEVEL_NESTED: "nested",
    oom_pb2.LIMIT_LEVEL_SYSTEM: "system",
    oom_pb2.LIMIT_LEVEL_NODE: "node",
}
_KERNEL_SAYS = {
    oom_pb2.DISAGREEMENT_KILL_NOT_REPORTED: "the kernel OOM-killed its init",
    oom_pb2.DISAGREEMENT_REPORTED_WITHOUT_DEATH: "the kernel OOM-killed a child, not its init",
}
_OUTCOMES = {
    oom_pb2.OUTCOME_UNSPECIFIED: "open",
    oom_pb2.OUTCOME_SURVIVED: "survived",
    oom_pb2.OUTCOME_DIED: "died",
    oom_pb2.OUTCOME_UNKNOWN: "unknown",
}


def report(
    answer: node_agent_pb2.ListOOMIncidentsResponse,
    now_ns: int,
    searched: str,
    *,
    wide: bool = False,
    columns: int | None = None,
) -> str:
    """The table and what it rests on.

    `searched` names the filters (" in pod x"). A row is one line, unless the terminal has fewer
    `columns` than that takes: then it is two, and no name is ever cut.
    """
    lines = _table(answer, now_ns, wide) if answer.incidents else [f"No OOM kills{searched}."]
    if columns is not None and not wide and max(map(len, lines)) > columns and answer.incidents:
        lines = _folded(answer, now_ns)
    lines += _differences(answer.incidents)
    lines += ["", books_line(answer.books), *books_notes(answer.books)]
    lines.append(f"held   {_reach(answer, now_ns)}")
    if answer.truncated:
        lines.append(f"more   only the newest {len(answer.incidents)} are shown: raise --limit")
    return "\n".join(lines)


def _reach(answer: node_agent_pb2.ListOOMIncidentsResponse, now_ns: int) -> str:
    if not answer.HasField("oldest_held"):
        return "nothing yet"
    oldest = answer.oldest_held
    return f"back to {timestamp(oldest)} ({age(oldest, now_ns)} ago)"


def _differences(incidents: Iterable[oom_pb2.OOMIncident]) -> list[str]:
    """Who says what, of each container on which the runtime and the kernel disagree."""
    said = {
        incident.container.id or incident.id: (
            f"differ {place(incident)}: the runtime says {escape(incident.runtime_says)};",
            f"       {_kernel_says(incident)}",
        )
        for incident in incidents
        if incident.disagreement
    }
    return ["", *(line for pair in said.values() for line in pair)] if said else []


def _kernel_says(incident: oom_pb2.OOMIncident) -> str:
    not_reported = incident.disagreement == oom_pb2.DISAGREEMENT_KILL_NOT_REPORTED
    if not_reported and incident.group_kill:
        return "the kernel OOM-killed all of it at once"
    return _KERNEL_SAYS.get(incident.disagreement, "the kernel says otherwise")


def _table(answer: node_agent_pb2.ListOOMIncidentsResponse, now_ns: int, wide: bool) -> list[str]:
    rows = [
        _narrow(incident, now_ns) + (_wide(incident) if wide else ())
        for incident in answer.incidents
    ]
    return aligned(rows, WIDE if wide else NARROW)


def _folded(answer: node_agent_pb2.ListOOMIncidentsResponse, now_ns: int) -> list[str]:
    """Two lines a row: when and where, and below it what."""
    rows = [_narrow(incident, now_ns) for incident in answer.incidents]
    wheres = [(row[0], place(i)) for row, i in zip(rows, answer.incidents, strict=True)]
    first = aligned(wheres, ("WHEN", "WHERE"))
    margin = " " * (max(len(row[0]) for row in rows) + 2)
    second = [margin + line for line in aligned([row[4:] for row in rows], NARROW[4:])]
    return [line for pair in zip(first, second, strict=True) for line in pair]


def aligned(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> list[str]:
    """A table with its header, line by line."""
    import tabulate

    tabulate.MIN_PADDING = 0  # it gives headers two columns more than they need
    text = tabulate.tabulate(rows, header, tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def _narrow(incident: oom_pb2.OOMIncident, now_ns: int) -> tuple[str, ...]:
    namespace, pod, container = _who(incident)
    return (
        f"{age(incident.time, now_ns)} ago",
        namespace,
        pod,
        container,
        victim(incident),
        _rss(incident),
        limit(incident),
        _hidden(incident),
        runtime_says(incident),
    )


def _wide(incident: oom_pb2.OOMIncident) -> tuple[str, ...]:
    return (
        timestamp(incident.time),
        _OUTCOMES.get(incident.outcome, "?"),
        escape(incident.constraint) or "?",
        escape(incident.limit_cgroup) or "-",
        *first_victim(incident),
        known_by(incident),
        ", ".join(witnesses(incident)) or "-",
        confidence(incident),
        escape(incident.id),
    )


def _who(incident: oom_pb2.OOMIncident) -> tuple[str, str, str]:
    """Namespace, pod, container; for what runs outside pods the unit in place of the pod."""
    if incident.HasField("container"):
        return _names(incident.container)
    if incident.drill:
        return "-", "drill", "-"
    if incident.unattributed:
        return "?", "unattributed", "?"
    return "-", escape(incident.unit) or "?", "-"


def _names(who: oom_pb2.Container) -> tuple[str, str, str]:
    return (
        escape(who.namespace) or "?",
        escape(who.pod or who.pod_uid) or "?",
        escape(who.name or who.id[:12]) or "?",
    )


def container_words(who: oom_pb2.Container) -> str:
    """A container in a line: "production/api gateway"."""
    return "{}/{} {}".format(*_names(who))


def place(incident: oom_pb2.OOMIncident) -> str:
    """Where it happened: "production/api gateway", a unit, "drill" or "unattributed"."""
    if incident.HasField("container"):
        return container_words(incident.container)
    return _who(incident)[1]


def victim(incident: oom_pb2.OOMIncident) -> str:
    """The first process killed and how many more: "worker[4711] +2"."""
    if not incident.victims:
        return "?" if incident.counted <= 1 else f"? ({incident.counted} kills)"
    first = incident.victims[0]
    pid = f"[{first.pid}]" if first.HasField("pid") else ""
    more = f" +{len(incident.victims) - 1}" if len(incident.victims) > 1 else ""
    return ((escape(first.comm) or "?") + pid) + more


def _rss(incident: oom_pb2.OOMIncident) -> str:
    held = resident(incident)
    return "?" if held is None else size(held)


def resident(incident: oom_pb2.OOMIncident) -> int | None:
    """What the victims held together, bytes; None if no witness told."""
    told = [v for v in incident.victims if v.HasField("anon_rss_bytes")]
    if not told:
        return None
    return sum(v.anon_rss_bytes + v.file_rss_bytes + v.shmem_rss_bytes for v in told)


def limit(incident: oom_pb2.OOMIncident) -> str:
    """Whose limit fired and its size: "container 2Gi", "node", "?"."""
    level = _LEVELS.get(incident.limit_level, "?")
    return f"{level} {size(incident.limit_bytes)}" if incident.HasField("limit_bytes") else level


def _hidden(incident: oom_pb2.OOMIncident) -> str:
    if not incident.HasField("container"):
        return "-"
    match incident.hidden:
        case oom_pb2.TRUTH_YES:
            return "yes"
        case oom_pb2.TRUTH_NO:
            return "no"
        case _:
            return "open" if incident.outcome == oom_pb2.OUTCOME_UNSPECIFIED else "?"


def runtime_says(incident: oom_pb2.OOMIncident) -> str:
    """The runtime's word, and whether the kernel's differs."""
    if not incident.HasField("container"):
        return "-"
    said = escape(incident.runtime_says)
    if not said:
        return "?"
    if incident.hidden == oom_pb2.TRUTH_YES and said.startswith("Running"):
        return "nothing"
    return f"{said}  <- wrong" if incident.disagreement else said


def outcome(incident: oom_pb2.OOMIncident) -> str:
    """What became of the container: "open", "survived", "died" or "unknown"."""
    return _OUTCOMES.get(incident.outcome, "?")
