"""A mistake in the configuration, in words, and the error that carries all of them."""

from msgspec import Struct

LONGEST_QUOTE = 80


class Problem(Struct, frozen=True, kw_only=True):
    """One mistake.

    `key` is dotted, or a variable's name, or empty when it is the whole file; `origin` is the file
    and line, the variable or the flag. `got` and `expected` are for people.
    """

    key: str
    origin: str
    got: str
    expected: str

    def __str__(self) -> str:
        what = f"{shortened(self.key)}: " if self.key else ""
        return f"{what}got {self.got}, expected {self.expected} ({self.origin})"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds every mistake in it, at least one."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def shortened(text: str) -> str:
    """The text as a message may quote it: printable, and not too long."""
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
