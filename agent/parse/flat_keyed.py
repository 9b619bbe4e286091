"""Flat keyed files of cgroups: a line "key number" each, read for every container, every second

    anon 33345536
    file 0
    kernel 208896

The order of the lines is fixed while one kernel runs, so where the wanted ones stand is learned
once. Every read checks all keys up to the last wanted one against what was learned; what does not
match (another file, another kernel, a line more) is learned anew.

https://docs.kernel.org/admin-guide/cgroup-v2.html#interface-files
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.digits import number

_MAX_DIGITS = 60  # of all wanted numbers together; what is more is looked at one by one


class _Layout(Struct, frozen=True):
    """Where the wanted numbers stand among the words of a file."""

    split: int  # off so many words, the rest of the file is left alone; -1: a wanted key is missing
    keys: list[bytes]  # of those lines, in order
    at: tuple[int | None, ...]  # the word of each wanted key; None: there is no such line
    present: Callable[[list[bytes]], Sequence[bytes]]  # the words that are there


class FlatKeyed:
    """Reads some keys of one kind of file. Keeps nothing of a file but its layout."""

    def __init__(self, what: str, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self._what = what
        self._required = tuple(key.encode() for key in required)
        self._wanted = self._required + tuple(key.encode() for key in optional)
        self._layout = _Layout(-1, [b""], (), tuple)

    def numbers(self, data: bytes) -> list[Any]:
        """The required numbers, each an int, then the optional ones, None if there is no such
        line. Raises ParseError.
        """
        layout = self._layout
        split = layout.split
        words = data.split(None, split)
        if (words[0:split:2] if split > 0 else words[0::2]) != layout.keys:
            words = data.split()
            layout = self._learn(words, data)
        found = layout.present(words)
        digits = b"".join(found)
        if not digits.isdigit() or len(digits) > _MAX_DIGITS:
            for word in found:
                number(word, self._what)
        if layout.split > 0:
            return list(map(int, found))
        numbers = iter(found)
        return [None if at is None else int(next(numbers)) for at in layout.at]

    def _learn(self, words: list[bytes], data: bytes) -> _Layout:
        places = {key: 2 * line + 1 for line, key in enumerate(words[0::2])}
        at = tuple(places.get(key) for key in self._wanted)
        missing = [key for key, place in zip(self._wanted, at, strict=True) if place is None]
        if len(words) % 2 or not set(missing).isdisjoint(self._required):
            names = ", ".join(key.decode() for key in self._required)
            raise ParseError(f"{self._what}: lines 'key number', with {names}", data)
        there = [place for place in at if place is not None]
        split = -1 if missing else max(there) + 1
        keys = words[0::2] if missing else words[0:split:2]
        # a slice of one, for itemgetter of one is no tuple
        present = (
            itemgetter(*there) if len(there) > 1 else itemgetter(slice(there[0], there[0] + 1))
        )
        self._layout = _Layout(split, keys, at, present)
        return self._layout
