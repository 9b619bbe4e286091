"""Our own lines: labels, duplicates, what is kept, blocks and gzip."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.model.status import ContainerKills
from agent.serve.exposition import (
    EOF,
    ContainerLines,
    Counter,
    blocks,
    escape_label,
    gzipped,
    visible,
)
from agent.serve.negotiate import Format
from tests.serve.sample import kills

FAMILY = Counter(name="x_kills", help='A "quoted" \\ help,\nin two lines.')

Series = dict[tuple[tuple[str, str], ...], float]


def parsed(lines: list[bytes], form: Format) -> Series:
    """What prometheus_client reads back; it refuses duplicates in OpenMetrics, we in both."""
    text = b"".join([FAMILY.head(form), *lines, EOF]).decode()
    parse = parse_text if form is Format.TEXT else parse_openmetrics
    samples = [sample for family in parse(text) for sample in family.samples]
    series = {tuple(sorted(sample.labels.items())): sample.value for sample in samples}
    assert len(series) == len(samples)
    assert {sample.name for sample in samples} <= {"x_kills_total"}
    return series


@pytest.mark.parametrize("form", Format)
@given(value=st.text(st.characters()))
@example(value='"},evil{a="')
@example(value="back\\slash\\n")
@example(value="a\nnew line\r and \x1b[2J and \u2028 and \u202e")
@example(value="\udcff not UTF-8, and half a pair \ud800")
def test_any_name_is_read_back(value: str, form: Format) -> None:
    """Whatever a name holds, a parser of either format reads back what `visible` shows of it."""
    lines = ContainerLines(FAMILY).lines([kills("n", value, "c", died=2)])
    read = parsed(lines, form)
    assert len(read) == 3
    assert (
        read[(("container", "c"), ("namespace", "n"), ("outcome", "died"), ("pod", visible(value)))]
        == 2
    )


@given(value=st.text(st.characters()))
def test_what_is_visible(value: str) -> None:
    """Shown text is printable, encodes to UTF-8, and printable text is shown as it is."""
    shown = visible(value)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert shown == value or not value.isprintable()
    assert "\n" not in escape_label(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("web-0", "web-0"),
        ("größe", "größe"),
        ("a\nb", r"a\x0ab"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\udcff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("\u202e", r"\u202e"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_visible(value: str, expected: str) -> None:
    """Controls, bidirectional marks and bytes that are no UTF-8 become visible escapes."""
    assert visible(value) == expected


def test_head_per_format() -> None:
    """Only OpenMetrics leaves _total out of the head and escapes quotes in the help."""
    assert FAMILY.head(Format.TEXT).splitlines() == [
        b'# HELP x_kills_total A "quoted" \\\\ help,\\nin two lines.',
        b"# TYPE x_kills_total counter",
    ]
    assert FAMILY.head(Format.OPENMETRICS).splitlines() == [
        b'# HELP x_kills A \\"quoted\\" \\\\ help,\\nin two lines.',
        b"# TYPE x_kills counter",
    ]


@pytest.mark.parametrize(
    "twins",
    [
        [kills("n", "p", "c", died=1), kills("n", "p", "c", died=2)],
        [
            kills("n", "p", "\udcff", died=1),
            kills("n", "p", "\xff" + "", died=0),
            kills("n", "p", r"\xff", died=2),
        ],
        [kills("n", "\n", "c", died=3), kills("n", r"\x0a", "c")],
    ],
)
def test_no_series_twice(twins: list[ContainerKills]) -> None:
    """Containers that look the same share their series, and lose no kill."""
    lines = ContainerLines(FAMILY).lines(twins)
    for form in Format:
        assert sum(parsed(lines, form).values()) == 3


def test_kept_lines() -> None:
    """The lines of a container are the same object until its values change, and go with it."""
    cache = ContainerLines(FAMILY)
    quiet, killed = kills("n", "p", "quiet"), kills("n", "p", "killed")
    first = cache.lines([quiet, killed])
    killed.kills.update(dict.fromkeys(killed.kills, 1))
    second = cache.lines([quiet, killed])
    assert second[0] is first[0]
    assert second[1] == first[1].replace(b" 0\n", b" 1\n")
    assert cache.lines([killed]) == [second[1]]
    assert cache.lines([]) == []
    assert cache.lines([quiet])[0] is not first[0]


def test_three_series_from_the_start() -> None:
    """A container with no kill has a series per outcome, at zero."""
    (piece,) = ContainerLines(FAMILY).lines([kills("shop", "web-0", "app")])
    who = 'namespace="shop",pod="web-0",container="app"'
    assert piece.decode().splitlines() == [
        f'x_kills_total{{{who},outcome="{outcome}"}} 0'
        for outcome in ("survived", "died", "unknown")
    ]


@given(pieces=st.lists(st.binary(max_size=40_000), max_size=8))
def test_blocks(pieces: list[bytes]) -> None:
    """Blocks are the same bytes; all but the last are large."""
    made = list(blocks(pieces))
    assert b"".join(made) == b"".join(pieces)
    assert all(len(block) >= 64 * 1024 for block in made[:-1])


@pytest.mark.parametrize("pieces", [[], [b"a"], [b"line\n" * 20_000] * 3])
async def test_gzipped(pieces: list[bytes]) -> None:
    """What is packed unpacks to the same bytes."""
    assert gzip.decompress(b"".join(await gzipped(pieces))) == b"".join(pieces)
