"""The table of the storms is written and read back."""

import pytest

from tests.lab.storm_table import StormRow, parse_table, table

ROW = StormRow(
    storm="4 at a time, children, probe",
    kernel=500,
    with_pod=500,
    exact=499,
    containerd=None,
    notified=421,
    polled=3,
)


def test_round_trip() -> None:
    """What is written is read as the same rows, and fits a terminal."""
    rows = [
        ROW,
        StormRow(storm="x", kernel=1, with_pod=1, exact=1, containerd=0, notified=1, polled=0),
    ]
    lines = table(rows)
    assert parse_table(lines) == rows
    assert max(map(len, lines)) < 100


@pytest.mark.parametrize(
    "lines", [[], table([ROW])[:1], [*table([ROW]), "x 1 1 1 - 1 1"], ["STORM", "x 1 1 1 - 1 1"]]
)
def test_other_tables_are_refused(lines: list[str]) -> None:
    """No rows, other columns, other widths."""
    with pytest.raises(ValueError, match="not a table"):
        parse_table(lines)
