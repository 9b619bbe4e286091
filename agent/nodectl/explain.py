"""`nodectl explain`: the catalogue in words. Needs no agent."""

from __future__ import annotations

import click

from agent.model.catalogue import CATALOGUE, find
from agent.model.condition import ConditionType
from agent.nodectl.show.words import COLUMNS, duration, wrapped

_NEAR = 0.5
"""Of difflib: names that are at least so like the one that was typed are suggested."""


def entry_of(name: str) -> ConditionType:
    """The entry of this name, in whatever case; a usage error that names those that are like it."""
    kind = find(name)
    if kind is not None:
        return kind
    from difflib import get_close_matches

    known = {each.name.casefold(): each.name for each in CATALOGUE}
    typed = name.casefold()
    near = [*get_close_matches(typed, known, cutoff=_NEAR), *(k for k in known if typed in k)]
    meant = ", ".join(dict.fromkeys(known[each] for each in near[:4]))
    hint = f"did you mean {meant}?" if meant else "`nodectl explain` lists them all"
    raise click.BadParameter(f"{name!r} is no condition: {hint}")


@click.command("explain")
@click.argument("name", metavar="[CONDITION]", required=False)
def command(name: str | None) -> None:
    """What a condition means: when it fires, and what to do. Without CONDITION: all of them.

    Works without an agent.
    """
    if name is None:
        click.echo(overview())
    else:
        click.echo(explained(entry_of(name)))


def overview() -> str:
    """Every condition with its severity and when it fires."""
    width = max(len(kind.name) for kind in CATALOGUE)
    lines = []
    for kind in CATALOGUE:
        head = f"{kind.severity.value.upper():<8}  {kind.name:<{width}}  "
        lines += wrapped(head, kind.fires_when)
    return "\n".join(lines)


def explained(kind: ConditionType) -> str:
    """One entry."""
    of = "the node" if kind.entity.value == "node" else f"one {kind.entity.value}"
    lines = [f"{kind.name} · {kind.severity.value} · about {of}", ""]
    lines += wrapped("fires when  ", kind.fires_when)
    lines += wrapped("what to do  ", kind.what_to_do)
    lines += wrapped("holds       ", holds(kind))
    if kind.sources:
        lines += wrapped("needs       ", f"{needs(kind)}; Unknown while one of them is blind")
    assert all(len(line) < COLUMNS for line in lines)
    return "\n".join(lines)


def holds(kind: ConditionType) -> str:
    """How long it must last to be True, and to be False."""
    if kind.lasts_seconds is not None:
        return (
            f"True at once, and until {duration(kind.lasts_seconds)} after the last event "
            "(conditions.event_ttl)"
        )
    begins = "at once"
    if kind.raise_after_seconds:
        begins = f"after {duration(kind.raise_after_seconds)}"
    return f"True {begins}, False {duration(kind.clear_after_seconds)} after it is over"


def needs(kind: ConditionType) -> str:
    """The sources that it needs: "vmstat, memory.events, kmsg or trace"."""
    return ", ".join(each.replace("|", " or ") for each in kind.sources)
