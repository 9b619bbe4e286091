"""agent.parse.proc_stat"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.process import ProcessStat
from agent.parse.proc_stat import parse_stat

REST = (
    b" R 18038 18038 4891 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 186487 3133440 384"
    b" 18446744073709551615 94330725662720 94330725682601 140726483831712 0 0 0 0 0 0 0 0 0 17 1"
    b" 0 0 0 0 0 94330725698608 94330725700224 94330944667648 140726483839683 140726483839703"
    b" 140726483839703 140726483841003 0\n"
)


@pytest.mark.parametrize(
    ("comm", "shown"),
    [
        (b"cat", "cat"),
        (b"runc:[2:INIT]", "runc:[2:INIT]"),
        (b"", ""),
        (b"a) R 1 2 (b", "a) R 1 2 (b"),
        (b") Z 1 1 1 1 1 1", ") Z 1 1 1 1 1 1"),
        (b"(((", "((("),
        (b"a\n1 (b", r"a\x0a1 (b"),
        (b"\xff", r"\xff"),
    ],
)
def test_stat(comm: bytes, shown: str) -> None:
    """The comm ends at the last parenthesis, whatever it holds."""
    assert parse_stat(b"18043 (" + comm + b")" + REST) == ProcessStat(
        pid=18043, comm=shown, state="R", ppid=18038, start_ticks=186487
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"18043",
        b"18043 (cat)",
        b"18043 (cat) R 1 2 3\n",
        b"x (cat)" + REST,
        b"(cat)" + REST,
        b"18043 (cat)" + REST.replace(b" R ", b" RR "),
        b"18043 (cat)" + REST.replace(b"186487", b"-1"),
    ],
)
def test_refused(text: bytes) -> None:
    """A file that is cut, or of another form."""
    with pytest.raises(ParseError):
        parse_stat(text)


def test_cut_after_start_time() -> None:
    """The start time may be the last field: nothing after it is needed."""
    assert parse_stat(b"1 (a)" + REST[: REST.index(b" 3133440")] + b"\n").start_ticks == 186487
