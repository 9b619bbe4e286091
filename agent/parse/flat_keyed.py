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

from collections.abc import Sequence
from dataclasses import dataclass

from agent.model.absence import ParseError

_MAX_DIGITS = 20  # of 2**64 - 1


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the wanted numbers stand among the words of a file."""

    split: int  # off so many words, the rest of the file is left alone; -1: a wanted key is missing
    keys: list[bytes]  # of those lines, in order
    at: tuple[int | None, ...]  # the word of each wanted key; None: there is no such line


class FlatKeyed:
    """Reads some keys of one kind of file. Keeps nothing of a file but its layout."""

    def __init__(self, what: str, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self._what = what
        self._required = tuple(key.encode() for key in required)
        self._wanted = self._required + tuple(key.encode() for key in optional)
        self._layout = _Layout(-1, [], ())

    def numbers(self, data: bytes) -> list[int | None]:
        """The required numbers, then the optional ones; None: no such line. Raises ParseError."""
        layout = self._layout
        words = data.split(None, layout.split)
        if not words or _keys(words, layout.split) != layout.keys:
            words = data.split()
            layout = self._learn(words, data)
        found = [None if at is None else words[at] for at in layout.at]
        for word in found:
            if word is not None and not (word.isdigit() and len(word) <= _MAX_DIGITS):
                raise ParseError(f"{self._what}: a line 'key number'", word)
        return [None if word is None else int(word) for word in found]

    def _learn(self, words: list[bytes], data: bytes) -> _Layout:
        places = {key: 2 * number + 1 for number, key in enumerate(words[0::2])}
        at = tuple(places.get(key) for key in self._wanted)
        missing = [key for key, place in zip(self._wanted, at, strict=True) if place is None]
        if len(words) % 2 or not set(missing).isdisjoint(self._required):
            names = ", ".join(key.decode() for key in self._required)
            raise ParseError(f"{self._what}: lines 'key number', with {names}", data)
        split = -1 if missing else max(place for place in at if place is not None) + 1
        self._layout = _Layout(split, _keys(words, split), at)
        return self._layout


def _keys(words: list[bytes], split: int) -> list[bytes]:
    return words[0::2] if split < 0 else words[0:split:2]
