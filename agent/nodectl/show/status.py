"""`nodectl status`: what the agent is, what it sees, and where it is blind; the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agent.api.v1 import condition_pb2, status_pb2
from agent.model.cgroup import MISMATCH
from agent.nodectl.show.top import Line, head, of_conditions, told
from agent.nodectl.show.words import (
    age,
    books_line,
    books_notes,
    duration,
    escape,
    in_line,
    latency,
    size,
    timestamp,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STATES = {
    status_pb2.Source.STATE_UNSPECIFIED: "?",
    status_pb2.Source.STATE_UP: "up",
    status_pb2.Source.STATE_ABSENT: "absent",
    status_pb2.Source.STATE_DOWN: "DOWN",
}
# The order of the list: the worst first.
_ORDER = (
    status_pb2.Source.STATE_DOWN,
    status_pb2.Source.STATE_UNSPECIFIED,
    status_pb2.Source.STATE_ABSENT,
    status_pb2.Source.STATE_UP,
)
_DRIVERS_DISAGREE = (
    "the kubelet's cgroup driver is systemd, the runtime's is cgroupfs: containers run outside"
    " kubepods, where no pod's limit holds them; set SystemdCgroup = true in the runtime's"
    " configuration"
)
_JOURNAL_FINE = ("ok", "off")


class Trouble(Struct, frozen=True, kw_only=True):
    """One line at the top."""

    critical: bool
    what: str
    age: str
    text: str
    source: str = ""  # the source that it is about


def troubles(status: status_pb2.Status, now_ns: int) -> list[Trouble]:
    """All that is wrong with the agent's own sight, the worst first."""
    found = [*_book_troubles(status), *_source_troubles(status, now_ns)]
    if status.host.cgroup_driver == MISMATCH:
        found.append(Trouble(critical=False, what="drivers", age="", text=_DRIVERS_DISAGREE))
    if status.journal.state not in _JOURNAL_FINE:
        found.append(
            Trouble(
                critical=False,
                what="journal",
                age=age(status.journal.since, now_ns),
                text=f"{escape(status.journal.state)}: {escape(status.journal.detail)}",
            )
        )
    return sorted(found, key=lambda trouble: not trouble.critical)


def _book_troubles(status: status_pb2.Status) -> Iterator[Trouble]:
    if not status.oom.HasField("counted"):
        text = "the kernel's count of OOM kills cannot be read: no claim is made"
        yield Trouble(critical=True, what="books", age="", text=text)
    elif status.oom.overdue:
        kills, are = ("kill was", "is") if status.oom.overdue == 1 else ("kills were", "are")
        text = (
            f"{status.oom.overdue} OOM {kills} counted more than a minute ago and {are} not settled"
        )
        yield Trouble(critical=True, what="books", age="", text=text)
    elif not status.oom.balanced:
        text = "the books do not balance: more is booked than was counted"
        yield Trouble(critical=True, what="books", age="", text=text)


def _source_troubles(status: status_pb2.Status, now_ns: int) -> Iterator[Trouble]:
    for source in status.sources:
        blind = source.state != status_pb2.Source.STATE_UP
        down = source.state == status_pb2.Source.STATE_DOWN
        if down or (source.required and blind):
            detail = escape(source.detail) or escape(source.absence) or "no reason given"
            yield Trouble(
                critical=source.required,
                what=f"{escape(source.name)} {_STATES.get(source.state, '?').lower()}",
                age=age(source.since, now_ns),
                text=f"{detail}; not known now: {escape(source.tells)}",
                source=source.name,
            )


def report(
    status: status_pb2.Status,
    now_ns: int,
    conditions: Sequence[condition_pb2.Condition] = (),
    *,
    wide: bool = False,
) -> str:
    """The whole page; `wide` adds ids, the node's size, and what each source tells."""
    found = [*of_conditions(conditions, now_ns), *_of_agent(status, now_ns)]
    lines = head(_identity(status), found)
    if wide:
        lines += ["", *wrapped("node     ", _node(status)), *wrapped("agent    ", _agent(status))]
    lines += told(found)
    lines += ["", books_line(status.oom), *books_notes(status.oom), ""]
    lines += _sources(status, now_ns, {line.source for line in found}, wide=wide)
    lines += ["", *wrapped("journal  ", _journal(status.journal, now_ns))]
    lines += wrapped("costs    ", _costs(status))
    lines += _guards(status, wide=wide)
    return "\n".join(lines)


def _of_agent(status: status_pb2.Status, now_ns: int) -> Iterator[Line]:
    for trouble in troubles(status, now_ns):
        yield Line(
            word="CRITICAL" if trouble.critical else "WARNING",
            what=trouble.what,
            age=trouble.age,
            text=trouble.text,
            source=trouble.source,
        )


def _identity(status: status_pb2.Status) -> str:
    me, host = status.identity, status.host
    driver = f" ({escape(host.cgroup_driver)})" if host.cgroup_driver else ""
    return " · ".join(
        (
            escape(me.node),
            f"kernel {escape(host.kernel_release)}",
            f"cgroup {escape(host.cgroup_mode)}{driver}",
            f"up {duration(me.node_uptime.ToTimedelta().total_seconds())}",
            f"agent {escape(me.version)} up {duration(me.uptime.ToTimedelta().total_seconds())}",
        )
    )


def _node(status: status_pb2.Status) -> str:
    host, me = status.host, status.identity
    return in_line(
        [
            f"boot {escape(me.boot_id) or '?'}",
            f"machine {escape(me.machine_id) or '?'}",
            f"{size(host.memory_bytes)} memory",
            f"{host.containers} containers in {host.pods} pods",
        ]
    )


def _agent(status: status_pb2.Status) -> str:
    me = status.identity
    stream = escape(status.journal.stream_id) or "?"
    return in_line([f"pid {me.pid}", f"started {timestamp(me.started)}", f"stream {stream}"])


def _sources(status: status_pb2.Status, now_ns: int, told: set[str], *, wide: bool) -> list[str]:
    rank = {state: at for at, state in enumerate(_ORDER)}
    sources = sorted(status.sources, key=lambda source: rank.get(source.state, 1))
    width = max((len(source.name) for source in sources), default=0)
    lines: list[str] = []
    for source in sources:
        head = (
            f"{'' if lines else 'sees':<6} {escape(source.name):<{width}}  "
            f"{_STATES.get(source.state, '?'):<6}  {age(source.since, now_ns):>6}  "
        )
        lines += wrapped(head, _seen(source, source.name in told, wide=wide))
    return lines or ["sees   nothing: the agent names no source"]


def _seen(source: status_pb2.Source, told: bool, *, wide: bool) -> str:
    lost = f", {source.lost:,} LOST" if source.lost else ""
    if source.state == status_pb2.Source.STATE_UP:
        need = "required; " if source.required else ""
        detail = f" ({escape(source.detail)})" if source.detail else ""
        more = f"; {need}tells {escape(source.tells) or '?'}{detail}" if wide else ""
        return f"{source.records:,} records{lost}{more}"
    if told:
        return f"see above{lost}"
    why = ": ".join(escape(part) for part in (source.absence, source.detail) if part)
    return f"{why or 'no reason given'}{lost}; without it: {escape(source.tells) or '?'}"


def _journal(journal: status_pb2.Journal, now_ns: int) -> str:
    if journal.state == "off":
        return "off: events do not outlive the agent"
    parts = [f"{escape(journal.state) or '?'} {age(journal.since, now_ns)}"]
    if journal.events:
        held = f"{journal.events:,} events ({journal.first_sequence}..{journal.last_sequence})"
        parts.append(held)
    else:
        parts.append("no events")
    parts.append(f"{size(journal.bytes)} of {size(journal.max_bytes)}")
    if journal.waiting and journal.state != "ok":
        parts.append(f"{journal.waiting:,} events wait for the disk")
    if journal.dropped:
        parts.append(f"{journal.dropped:,} NEVER WRITTEN")
    parts.append(escape(journal.path))
    return in_line(parts)


def _costs(status: status_pb2.Status) -> str:
    me = status.self
    cpu = me.cpu.ToTimedelta().total_seconds()
    up = status.identity.uptime.ToTimedelta().total_seconds()
    share = f" ({100 * cpu / up:.2f} % of a core)" if up else ""
    parts = [
        f"cpu {duration(cpu)}{share}",
        f"{size(me.resident_bytes)} resident",
        f"{me.open_fds} files",
        f"{size(me.trace_buffer_bytes)} trace buffers",
        f"{me.subscribers} subscribers",
    ]
    if me.subscriber_drops:
        parts.append(f"{me.subscriber_drops:,} events missed by slow subscribers")
    if me.abandoned_workers:
        of = f" of {me.worker_limit} that may" if me.worker_limit else ""
        parts.append(f"{me.abandoned_workers} reads hang{of}")
    return in_line(parts)


def _guards(status: status_pb2.Status, *, wide: bool) -> list[str]:
    """How late it was, and what it has done against a lack of memory."""
    me = status.self
    parts = [f"late by {latency(me.loop_lag_max.ToNanoseconds())} at most in 5 min"]
    if me.loop_stalls:
        parts.append(f"{me.loop_stalls} STALLS of 1 s or more")
    parts += [f"{'' if each.got else 'no '}{escape(each.name)}" for each in me.protections]
    lines = wrapped("guards   ", in_line(parts))
    for each in me.protections if wide else ():
        lines += wrapped("         ", f"{escape(each.name)}: {escape(each.detail)}")
    return lines
