"""How values are read and written: one table for each kind."""

from pathlib import Path

import pytest

from agent.config.kinds import (
    Address,
    Kind,
    address,
    boolean,
    directories,
    duration,
    integer,
    names,
    path,
    ports,
    size,
    text,
)

MIB = 1 << 20

READ: list[tuple[Kind, object, object]] = [
    (path(), "/proc", Path("/proc")),
    (path(), "/host/a b/ü", Path("/host/a b/ü")),
    (path(10), "/123456789", Path("/123456789")),
    (path(optional=True), "", None),
    (path(optional=True), "/a", Path("/a")),
    (names(), "", ()),
    (names(), [], ()),
    (names(), "a", ("a",)),
    (names(), "a, b c", ("a", "b c")),
    (names(), ["a", " *.b"], ("a", "*.b")),
    (names(), '["a", "b"]', ("a", "b")),
    (names(), "[]", ()),
    (directories(), "/a/b, /c", (Path("/a/b"), Path("/c"))),
    (directories(), ["/a"], (Path("/a"),)),
    (ports(), [443], (443,)),
    (ports(), "443, 6443", (443, 6443)),
    (ports(), "[1,65535]", (1, 65535)),
    (boolean(), True, True),
    (boolean(), False, False),
    (boolean(), "true", True),
    (boolean(), "false", False),
    (integer(1, 64), 64, 64),
    (integer(1, 64), 1, 1),
    (integer(1, 64), "08", 8),
    (size(0, 1 << 40), 0, 0),
    (size(0, 1 << 40), "0", 0),
    (size(0, 1 << 40), 4097, 4097),
    (size(0, 1 << 40), "64Mi", 64 * MIB),
    (size(0, 1 << 40), "64MiB", 64 * MIB),
    (size(0, 1 << 40), "3Ki", 3 << 10),
    (size(0, 1 << 40), "2Gi", 2 << 30),
    (size(0, 1 << 40), "1Ti", 1 << 40),
    (duration("0s", "30d"), "0s", 0.0),
    (duration("0s", "30d"), "500ms", 0.5),
    (duration("0s", "30d"), "9ms", 0.009),
    (duration("0s", "30d"), "2s", 2.0),
    (duration("0s", "30d"), "0.25s", 0.25),
    (duration("0s", "30d"), "5m", 300.0),
    (duration("0s", "30d"), "1.1h", 3960.0),
    (duration("0s", "30d"), "7d", 604_800.0),
    (address(), "", None),
    (address(), "127.0.0.1:9754", Address("127.0.0.1", 9754)),
    (address(), "0.0.0.0:0", Address("0.0.0.0", 0)),
    (address(), "localhost:65535", Address("localhost", 65535)),
    (address(), "[::1]:80", Address("::1", 80)),
    (address(), "[127.0.0.1]:1", Address("127.0.0.1", 1)),
    (address(), "[FD00:0::1]:80", Address("fd00::1", 80)),
    (address(or_all=True), ":9754", Address("::", 9754)),
    (address(or_all=True), "[]:9754", Address("::", 9754)),
    (address(or_all=True), "", None),
    (text("abc", "[abc]*"), "cab", "cab"),
    (text("abc", "[abc]*"), "", ""),
]


@pytest.mark.parametrize(("kind", "raw", "value"), READ)
def test_reads(kind: Kind, raw: object, value: object) -> None:
    """A value that is as expected is read, as its own type and not as one that equals it."""
    got = kind.read(raw)
    assert got == value
    assert type(got) is type(value)


REFUSED: list[tuple[Kind, object]] = [
    (path(), "proc"),
    (path(), ""),
    (path(), "~/x"),
    (path(), 3),
    (path(), None),
    (path(), "/a\nb"),
    (path(), "/a\0b"),
    (path(), "/a\udce4"),
    (path(10), "/1234567890"),
    (path(10), "/üüüüü"),
    (path(optional=True), "a"),
    (names(), 0),
    (names(), {}),
    (names(), "a,,b"),
    (names(), ","),
    (directories(), []),
    (directories(), "a/b"),
    (directories(), '/a"b'),
    (directories(), "/a*"),
    (directories(), "/" + "a" * 128),
    (ports(), []),
    (ports(), ""),
    (ports(), [0]),
    (ports(), [65536]),
    (ports(), [True]),
    (ports(), [2.0]),
    (ports(), "1,,2"),
    (ports(), "[1"),
    (ports(), 443),
    (names(), ["a", ""]),
    (names(), ["a,b"]),
    (names(), ["a\nb"]),
    (names(), ["a", 1]),
    (names(), "[1]"),
    (names(), "[a]"),
    (boolean(), 1),
    (boolean(), 0),
    (boolean(), "yes"),
    (boolean(), "True"),
    (boolean(), ""),
    (integer(1, 64), 0),
    (integer(1, 64), 65),
    (integer(1, 64), True),
    (integer(1, 64), 2.0),
    (integer(1, 64), "0x10"),
    (integer(1, 64), "٣"),
    (integer(1, 64), "1" * 5000),
    (integer(-5, 64), "-3 "),
    (size(1, 1 << 40), 0),
    (size(0, 1 << 40), -1),
    (size(0, 1 << 40), True),
    (size(0, 1 << 40), (1 << 40) + 1),
    (size(0, 1 << 40), "64M"),
    (size(0, 1 << 40), "64 Mi"),
    (size(0, 1 << 40), "1.5Gi"),
    (size(0, 1 << 40), "B"),
    (size(0, 1 << 40), "1025Gi"),
    (duration("1s", "30d"), "999ms"),
    (duration("1s", "30d"), "31d"),
    (duration("0s", "30d"), 5),
    (duration("0s", "30d"), 5.0),
    (duration("0s", "30d"), "5"),
    (duration("0s", "30d"), "-5s"),
    (duration("0s", "30d"), "5 s"),
    (duration("0s", "30d"), "1h30m"),
    (duration("0s", "30d"), "0.5ms"),
    (duration("0s", "30d"), "nans"),
    (duration("0s", "30d"), "9" * 400 + "s"),
    (address(), ":9754"),
    (address(or_all=True), ":"),
    (address(), "[]:9754"),
    (address(), "9754"),
    (address(), 9754),
    (address(), "127.0.0.1"),
    (address(), "127.0.0.1:"),
    (address(), "127.0.0.1:65536"),
    (address(), "127.0.0.1:-1"),
    (address(), "127.0.0.256:1"),
    (address(), "node-3:9754"),
    (address(), "::1:9754"),
    (address(), "fd00::1:9754"),
    (address(), "[::1]"),
    (address(), "[fe80::1%eth0]:1"),
    (text("abc", "[abc]*"), "d"),
    (text("abc", "[abc]*"), "abc\n"),
    (text("anything", ".*"), 3),
]


@pytest.mark.parametrize(("kind", "raw"), REFUSED)
def test_refuses(kind: Kind, raw: object) -> None:
    """Anything else is a ValueError, whatever it is."""
    with pytest.raises(ValueError):  # noqa: PT011  Kind promises no more; what to say is `expected`
        kind.read(raw)


WRITTEN: list[tuple[Kind, object, str]] = [
    (path(), Path('/a "b" \\ ü'), r'"/a \"b\" \\ ü"'),
    (boolean(), True, "true"),
    (boolean(), False, "false"),
    (integer(1, 64), 8, "8"),
    (size(0, 1 << 40), 0, '"0"'),
    (size(0, 1 << 40), 64 * MIB, '"64Mi"'),
    (size(0, 1 << 40), 64 * MIB + 1, '"67108865"'),
    (duration("0s", "30d"), 0.0, '"0ms"'),
    (duration("0s", "30d"), 604_800.0, '"7d"'),
    (duration("0s", "30d"), 90.0, '"90s"'),
    (duration("0s", "30d"), 0.009, '"9ms"'),
    (address(), None, '""'),
    (address(), Address("::1", 80), '"[::1]:80"'),
    (text("abc", "[abc]*"), "abc", '"abc"'),
]


@pytest.mark.parametrize(("kind", "value", "toml"), WRITTEN)
def test_writes(kind: Kind, value: object, toml: str) -> None:
    """A value is written in its largest whole unit, as TOML."""
    assert kind.write(value) == toml


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (path(107), "an absolute path of at most 107 bytes"),
        (boolean(), "true or false"),
        (integer(1, 64), "an integer from 1 to 64"),
        (size(1024, 1 << 40), 'a size from 1Ki to 1Ti, in bytes or written as "64Mi"'),
    ],
)
def test_says_what_it_expects(kind: Kind, expected: str) -> None:
    """The range is part of what is expected."""
    assert kind.expected == expected
