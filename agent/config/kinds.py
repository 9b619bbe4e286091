"""The kinds of values that a setting can have: how each is read, and how it is written.

Wherever a value comes from, it may be text ("8192", "64Mi", "true"): the environment has nothing
else, and the templates that write configuration files quote.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from msgspec import Struct

# AF_UNIX: sockaddr_un.sun_path holds 108 bytes, the last of them NUL.
# https://man7.org/linux/man-pages/man7/unix.7.html
SUN_PATH_BYTES = 107
PATH_BYTES = 4095

_SIZES = {"Ti": 1 << 40, "Gi": 1 << 30, "Mi": 1 << 20, "Ki": 1 << 10, "": 1}
_DURATIONS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


EVERYWHERE = "::"
"""All addresses of this host, those of IPv4 too."""


class Address(NamedTuple):
    """Where to listen: an IP address or `localhost`, and a port (0: any that is free)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Kind(Struct, frozen=True, kw_only=True):
    """How the values of a setting are read and written.

    `read` takes what TOML or a text gave, and raises `ValueError` when that is not what is
    `expected`. `write` gives the TOML of a value; what it gives, `read` takes back unchanged.
    """

    name: str
    expected: str
    read: Callable[[object], object]
    write: Callable[[Any], str]


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # of printable text, JSON's string is TOML's


def _printable(raw: object) -> str:
    # No newline that could forge a line of a log, no NUL, nothing that is not UTF-8.
    if not isinstance(raw, str) or not raw.isprintable():
        raise ValueError("not printable text")
    return raw


def _matched(pattern: str, raw: object) -> re.Match[str]:
    match = re.fullmatch(pattern, _printable(raw))
    if match is None:
        raise ValueError("not of this form")
    return match


def text(expected: str, pattern: str) -> Kind:
    """A str that the pattern matches as a whole."""
    return Kind(
        name="text",
        expected=expected,
        read=lambda raw: _matched(pattern, raw)[0],
        write=_quoted,
    )


def path(longest: int = PATH_BYTES, *, optional: bool = False) -> Kind:
    """An absolute `Path` of at most so many bytes; with `optional`, None for an empty text.

    Whether it exists is not asked.
    """

    def read(raw: object) -> Path | None:
        if optional and raw == "":
            return None
        value = _printable(raw)
        if not value.startswith("/") or len(value.encode()) > longest:
            raise ValueError("not an absolute path, or too long")
        return Path(value)

    expected = f"an absolute path of at most {longest} bytes"
    return Kind(
        name="path",
        expected=f'{expected}, or "" for none' if optional else expected,
        read=read,
        write=lambda value: _quoted("" if value is None else value),
    )


def names() -> Kind:
    """A tuple of str; in a text, such as the environment's, commas stand between them."""

    def read(raw: object) -> tuple[str, ...]:
        given = raw if isinstance(raw, list) else split(_printable(raw))
        stripped = tuple(_printable(name).strip() for name in given)
        if not all(stripped) or any("," in name for name in stripped):
            raise ValueError("an empty name, or one with a comma")
        return stripped

    def split(raw: str) -> list[object]:
        if re.fullmatch(r"\[[^\[\]]*\]", raw):
            return list(json.loads(raw))
        return list(raw.split(",")) if raw else []

    return Kind(
        name="names",
        expected='names, as ["one", "two"] or "one,two", or [] for none',
        read=read,
        write=lambda value: f"[{', '.join(map(_quoted, value))}]",
    )


def ports() -> Kind:
    """A tuple of at least one port, of TCP; in a text commas stand between them."""

    def read(raw: object) -> tuple[int, ...]:
        if not isinstance(raw, list):
            raw = _matched(r"\[[^\[\]]*\]|[^\[\]]*", raw)[0].strip("[]").split(",")
        if not raw:
            raise ValueError("no port")
        found = [_matched("[0-9]{1,5}", str(each).strip())[0] for each in raw]
        return tuple(_within(1, 65535, int(port)) for port in found)

    return Kind(
        name="ports",
        expected='ports, as [443, 6443] or "443,6443"',
        read=read,
        write=lambda value: f"[{', '.join(map(str, value))}]",
    )


def directories(*, optional: bool = False) -> Kind:
    """A tuple of at least one absolute `Path`, of characters that no glob takes for its own; with
    `optional` it may be empty.
    """
    listed = names()

    def read(raw: object) -> tuple[Path, ...]:
        found: Any = listed.read(raw)
        if not (found or optional) or not all(
            re.fullmatch(r"/[A-Za-z0-9/._+@-]{0,127}", each) for each in found
        ):
            raise ValueError("not an absolute path of plain characters")
        return tuple(map(Path, found))

    expected = 'absolute paths of letters, digits and ._+@- , as ["/a", "/b"] or "/a,/b"'
    return Kind(
        name="directories",
        expected=f"{expected}, or [] for none" if optional else expected,
        read=read,
        write=listed.write,
    )


def boolean() -> Kind:
    """A bool."""

    def read(raw: object) -> bool:
        return raw if isinstance(raw, bool) else _matched("true|false", raw)[0] == "true"

    return Kind(
        name="boolean",
        expected="true or false",
        read=read,
        write=lambda value: "true" if value else "false",
    )


def integer(low: int, high: int) -> Kind:
    """An int in the range, its ends included."""

    def read(raw: object) -> int:
        return _within(low, high, raw if _is_int(raw) else int(_matched("[0-9]{1,18}", raw)[0]))

    return Kind(name="integer", expected=f"an integer from {low} to {high}", read=read, write=str)


def size(low: int, high: int) -> Kind:
    """An int of bytes in the range, its ends included."""

    def read(raw: object) -> int:
        if _is_int(raw):
            return _within(low, high, raw)
        match = _matched(r"([0-9]{1,18})(?:([KMGT]i)B?)?", raw)
        return _within(low, high, int(match[1]) * _SIZES[match[2] or ""])

    span = f"{_in_largest_unit(low, _SIZES)} to {_in_largest_unit(high, _SIZES)}"
    return Kind(
        name="size",
        expected=f'a size from {span}, in bytes or written as "64Mi"',
        read=read,
        write=lambda value: _quoted(_in_largest_unit(value, _SIZES)),
    )


def duration(low: str, high: str) -> Kind:
    """A float of seconds in the range, its ends included; a whole number of milliseconds."""

    def milliseconds(raw: object) -> int:
        match = _matched(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|[smhd])", raw)
        value = Fraction(match[1]) * _DURATIONS_MS[match[2]]
        if value.denominator != 1:
            raise ValueError("finer than a millisecond")
        return value.numerator

    low_ms, high_ms = milliseconds(low), milliseconds(high)
    return Kind(
        name="duration",
        expected=f'a duration from {low} to {high}, written as "500ms", "2s", "5m", "3h" or "7d"',
        read=lambda raw: _within(low_ms, high_ms, milliseconds(raw)) / 1000,
        write=lambda value: _quoted(_in_largest_unit(round(value * 1000), _DURATIONS_MS)),
    )


def address(*, or_all: bool = False) -> Kind:
    """An `Address`, or None for an empty text.

    A name other than localhost is not taken: the agent must not wait for a resolver. Brackets may
    be around an address of either family, so that [$(HOST_IP)]:9754 is right in a manifest whatever
    the node has. `or_all`: a port without an address is that of all addresses, as elsewhere in
    Kubernetes; that manifest comes to it where a kubelet knows no address of its node.
    """

    def read(raw: object) -> Address | None:
        if raw == "":
            return None
        match = _matched(r"(?:\[([0-9a-fA-F:.]*)\]|([^:\[\]]*)):([0-9]{1,5})", raw)
        port = _within(0, 65535, int(match[3]))
        if not match[1] and not match[2]:
            if not or_all:
                raise ValueError("no address")
            return Address(EVERYWHERE, port)
        if match[1] is not None:
            return Address(str(ipaddress.ip_address(match[1])), port)
        if match[2] != "localhost":
            ipaddress.IPv4Address(match[2])
        return Address(match[2], port)

    return Kind(
        name="address",
        expected='"1.2.3.4:9754", "[fd00::1]:9754" or "localhost:9754", '
        + ('":9754" for all addresses, ' if or_all else "")
        + 'or "" for off',
        read=read,
        write=lambda value: _quoted("" if value is None else value),
    )


def _is_int(raw: object) -> TypeGuard[int]:
    return isinstance(raw, int) and not isinstance(raw, bool)


def _within(low: int, high: int, value: int) -> int:
    if not low <= value <= high:
        raise ValueError("out of range")
    return value


def _in_largest_unit(value: int, units: Mapping[str, int]) -> str:
    """The value in the largest unit of which it is a whole multiple; largest unit first."""
    fitting = (unit for unit, factor in units.items() if value % factor == 0 and factor <= value)
    unit = next(fitting, min(units, key=units.__getitem__))  # zero fits none
    return f"{value // units[unit]}{unit}"
