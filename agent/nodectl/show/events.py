"""`nodectl events`: one event, one line."""

from __future__ import annotations

from agent.api.v1 import condition_pb2, event_pb2, oom_pb2
from agent.nodectl.show import deaths
from agent.nodectl.show.conditions import sentence, word
from agent.nodectl.show.evidence import evidence
from agent.nodectl.show.oom import (
    container_words,
    limit,
    outcome,
    place,
    resident,
    runtime_says,
    victim,
)
from agent.nodectl.show.pressure import episode
from agent.nodectl.show.words import age, escape, size, timestamp

_LATE_NS = 5_000_000_000


def line(event: event_pb2.Event, *, wide: bool = False) -> str:
    """Sequence, time, kind, and what happened; `wide` adds when in its boot, and the evidence."""
    kind, what = _said(event)
    more = f"  [{' · '.join(_more(event))}]" if wide else ""
    return f"{event.sequence:>6}  {timestamp(event.time)}  {kind:<7}  {what}{more}"


def _more(event: event_pb2.Event) -> list[str]:
    parts = [f"{event.boottime_ns / 1e9:.6f} s of boot {escape(event.boot_id)}"]
    match event.WhichOneof("kind"):
        case "oom_recorded":
            return parts + evidence(event.oom_recorded)
        case "oom_amended":
            return parts + evidence(event.oom_amended)
        case "exit_recorded":
            return parts + deaths.evidence(event.exit_recorded)
        case "exit_amended":
            return parts + deaths.evidence(event.exit_amended)
        case _:
            return parts


def gap_line(gap: event_pb2.StreamGap) -> str:
    """The marker in place of events that cannot be given any more."""
    return (
        f"-- gap: {_missing(gap)} ({escape(gap.reason) or 'no reason given'}){_detail(gap.detail)}"
    )


def _missing(gap: event_pb2.StreamGap) -> str:
    first, last = gap.HasField("first_missing"), gap.HasField("last_missing")
    if first and last:
        if gap.first_missing == gap.last_missing:
            return f"event {gap.first_missing} is missing"
        count = gap.last_missing - gap.first_missing + 1
        return f"events {gap.first_missing}..{gap.last_missing} are missing, {count} of them"
    if first:
        return f"events from {gap.first_missing} on are missing"
    if last:
        return f"events up to {gap.last_missing} are missing"
    return "events are missing, nobody knows how many"


def _said(event: event_pb2.Event) -> tuple[str, str]:
    match event.WhichOneof("kind"):
        case "oom_recorded":
            return "oom", _incident(event.oom_recorded) + _late(event)
        case "oom_amended":
            return "oom+", _amended(event.oom_amended)
        case "runtime_disagreement":
            return "runtime", _disagreement(event.runtime_disagreement)
        case "source_gap":
            lost = event.source_gap
            count = (
                f"{lost.lost} records" if lost.HasField("lost") else "an unknown number of records"
            )
            return "lost", f"{escape(lost.source)} lost {count}{_detail(lost.detail)}"
        case "source_change":
            change = event.source_change
            state = "sees" if change.up else "is blind"
            return "source", f"{escape(change.source)} {state}{_detail(change.detail)}"
        case "journal_change":
            journal = event.journal_change
            return "journal", f"{escape(journal.state)}{_detail(journal.detail)}"
        case "condition_changed":
            return "cond", _condition(event.condition_changed.condition)
        case "pressure_crossed":
            return "psi", episode(event.pressure_crossed)
        case "exit_recorded":
            return "exit", deaths.sentence(event.exit_recorded)
        case "exit_amended":
            return "exit+", deaths.sentence(event.exit_amended)
        case "agent_started":
            started = event.agent_started
            return "agent", f"started: version {escape(started.version)}, pid {started.pid}"
        case _:
            return (
                "?",
                "an event of a kind that this nodectl does not know: is it older than the agent?",
            )


def _incident(incident: oom_pb2.OOMIncident) -> str:
    who = place(incident)
    if incident.unattributed:
        kills = "1 kill" if incident.counted == 1 else f"{incident.counted} kills"
        return f"{kills} that the kernel counted, and nothing says whose"
    held = resident(incident)
    rss = f" {size(held)}" if held is not None else ""
    drill = "" if not incident.drill or who == "drill" else "drill "
    return f"{drill}{who}: {victim(incident)}{rss}, limit {limit(incident)}"


def _late(event: event_pb2.Event) -> str:
    """What was found only later, e.g. in the kernel's log when the agent started."""
    published_ns, killed = event.time.ToNanoseconds(), event.oom_recorded.time
    if not killed.seconds or published_ns - killed.ToNanoseconds() < _LATE_NS:
        return ""
    return f" ({age(killed, published_ns)} earlier)"


def _amended(incident: oom_pb2.OOMIncident) -> str:
    """What an amendment is read for: the end of the story."""
    ends = [f"{place(incident)}: {victim(incident)}", outcome(incident)]
    if incident.hidden == oom_pb2.TRUTH_YES:
        ends.append("HIDDEN")
    elif incident.HasField("container"):
        ends.append(f"runtime says {runtime_says(incident)}")
    return ", ".join(ends)


def _disagreement(said: event_pb2.RuntimeDisagreement) -> str:
    runtime, kernel = escape(said.runtime_says), escape(said.kernel_says)
    return f"{container_words(said.container)}: {runtime}; kernel {kernel}"


def _condition(condition: condition_pb2.Condition) -> str:
    return f"{word(condition)} {escape(condition.type)}: {sentence(condition)}"


def _detail(text: str) -> str:
    return f": {escape(text)}" if text else ""
