"""Decimal numbers as the kernel writes them: `%u`, `%lu`, `%llu`.

    829
    18446744073709551615

Python's int() takes more than the kernel writes (`1_0`, ` 7 `, `+7`), and raises ValueError
beyond 4300 digits.
"""

from __future__ import annotations

from agent.model.absence import ParseError

_MAX_DIGITS = 20  # of 2**64 - 1


def number(digits: bytes, what: str) -> int:
    """The number; ParseError for anything but 1 to 20 decimal digits."""
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise ParseError(f"{what}, a decimal number", digits)
    return int(digits)


def keyed_number(line: bytes, what: str) -> int:
    """The number of a line "key number"; ParseError if it has any other form."""
    value = line.partition(b" ")[2]
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise ParseError(f"{what}: a line 'key number'", line)
    return int(value)
