"""The top of `nodectl status`: how much is wrong, and what, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from agent.api.v1 import condition_pb2
from agent.nodectl.show.conditions import counted, sentence, word
from agent.nodectl.show.words import COLUMNS, age, escape, wrapped

_WORDS = ("CRITICAL", "WARNING", "INFO", "UNKNOWN")
_TOLD_BY_TROUBLES = ("AgentBlind", "OOMBooksUnbalanced")
"""Conditions of the agent itself: the status says the same at once, and in more detail."""


class Line(Struct, frozen=True, kw_only=True):
    """One of them; `weight` conditions are told in it."""

    word: str
    what: str
    age: str
    text: str
    source: str = ""
    weight: int = 1


def of_conditions(conditions: Sequence[condition_pb2.Condition], now_ns: int) -> Iterator[Line]:
    """What is True, a line each; what is Unknown for one and the same reason, in one."""
    unknown: dict[str, list[condition_pb2.Condition]] = {}
    for condition in conditions:
        if condition.type in _TOLD_BY_TROUBLES:
            continue
        if condition.status == condition_pb2.CONDITION_STATUS_UNKNOWN:
            unknown.setdefault(sentence(condition), []).append(condition)
            continue
        yield Line(
            word=word(condition),
            what=escape(condition.type),
            age=age(condition.since, now_ns),
            text=sentence(condition),
        )
    for text, same in unknown.items():
        names = ", ".join(sorted({escape(condition.type) for condition in same}))
        yield Line(
            word="UNKNOWN",
            what=names if len(same) == 1 else f"{len(same)} conditions",
            age=age(same[0].since, now_ns),
            text=text if len(same) == 1 else f"{names}: {text}",
            weight=len(same),
        )


def head(who: str, found: Sequence[Line]) -> list[str]:
    """Who and what, and at the right how much is wrong, if it fits there."""
    number = {each: sum(line.weight for line in found if line.word == each) for each in _WORDS}
    counts = counted(*(number[each] for each in _WORDS))
    gap = COLUMNS - 1 - len(who) - len(counts)
    return [who + " " * gap + counts] if gap >= 2 else [who, f"{counts:>{COLUMNS - 1}}"]


def told(found: Sequence[Line]) -> list[str]:
    """The lines, the worst first, behind an empty one; nothing if there is nothing."""
    if not found:
        return []
    width = max(len(line.what) for line in found)
    rank = {each: number for number, each in enumerate(_WORDS)}
    lines = [""]
    for line in sorted(found, key=lambda line: rank.get(line.word, 0)):
        lines += wrapped(f"{line.word:<8}  {line.what:<{width}}  {line.age:>6}  ", line.text)
    return lines
