"""`nodectl conditions`, and the conditions at the top of `nodectl status`: one fact a line."""

from __future__ import annotations

from collections.abc import Iterable

from agent.api.v1 import condition_pb2 as pb
from agent.api.v1 import node_agent_pb2
from agent.nodectl.show.oom import container_words
from agent.nodectl.show.words import age, escape, timestamp, wrapped

_SEVERITIES = {
    pb.SEVERITY_CRITICAL: "CRITICAL",
    pb.SEVERITY_WARNING: "WARNING",
    pb.SEVERITY_INFO: "INFO",
}
_UNKNOWN = "UNKNOWN"


def report(
    answer: node_agent_pb2.ListConditionsResponse, now_ns: int, asked: str, *, wide: bool = False
) -> str:
    """The whole answer; `asked` are the filters in words."""
    if not answer.conditions:
        return f"No conditions{asked}."
    lines = condition_lines(answer.conditions, now_ns, wide=wide)
    if answer.truncated or answer.left_out:
        lines.append("")
    if answer.truncated:
        lines.append("More matched than fit into one answer: narrow it with -n, --pod or a name.")
    if answer.left_out:
        lines.append(f"{answer.left_out} more findings had no room: raise conditions.max.")
    return "\n".join(lines)


def condition_lines(
    conditions: Iterable[pb.Condition], now_ns: int, *, wide: bool = False
) -> list[str]:
    """Severity, type, age and message of each; `wide` adds reason, since when, and evidence."""
    conditions = list(conditions)
    width = max((len(condition.type) for condition in conditions), default=0)
    lines: list[str] = []
    for condition in conditions:
        head = f"{word(condition):<8}  {escape(condition.type):<{width}}  "
        head += f"{age(condition.since, now_ns):>6}  "
        lines += wrapped(head, sentence(condition))
        if wide:
            lines += _more(condition, " " * 10)
    return lines


def word(condition: pb.Condition) -> str:
    """The severity of what is True, else the status: "CRITICAL", "UNKNOWN", "false"."""
    match condition.status:
        case pb.CONDITION_STATUS_TRUE:
            return _SEVERITIES.get(condition.severity, "?")
        case pb.CONDITION_STATUS_FALSE:
            return "false"
        case _:
            return _UNKNOWN


def sentence(condition: pb.Condition) -> str:
    """Whom it is about, and the message."""
    who = entity_words(condition.entity)
    message = escape(condition.message)
    return f"{who}: {message}" if who else message


def entity_words(entity: pb.Entity) -> str:
    """ "production/api gateway", a unit; empty for the node."""
    if entity.kind == pb.ENTITY_KIND_POD and entity.HasField("names"):
        names = entity.names
        return f"{escape(names.namespace) or '?'}/{escape(names.pod or names.pod_uid) or '?'}"
    if entity.HasField("names"):
        return container_words(entity.names)
    return escape(entity.id[:64])


def _more(condition: pb.Condition, indent: str) -> list[str]:
    parts = [f"{escape(condition.reason)} since {timestamp(condition.since)}"]
    if condition.HasField("expires"):
        parts[0] += f", until {timestamp(condition.expires)}"
    if condition.entity.id:
        parts.append(f"id {escape(condition.entity.id)}")
    for fact in condition.evidence:
        source = f" ({escape(fact.source)})" if fact.source else ""
        parts.append(f"{escape(fact.what)}: {escape(fact.value)}{source}")
    return [line for part in parts for line in wrapped(indent, part)]


def counted(critical: int, warning: int, info: int, unknown: int) -> str:
    """ "3 critical, 1 warning"; "all well" if there is nothing."""
    pairs = ((critical, "critical"), (warning, "warning"), (info, "info"), (unknown, "unknown"))
    return ", ".join(f"{number} {what}" for number, what in pairs if number) or "all well"
