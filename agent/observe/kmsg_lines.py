"""Puts the kernel's lines together from the records that /dev/kmsg makes of them

    6,450,54187298,-;oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/kubepods/podd1cb3f57/...
    6,451,54187298,c;,task_memcg=/kubepods/podd1cb3f57/...
    6,452,54187298,c;,task=work,pid=829,uid=0

The OOM killer prints "oom-kill:" and "Tasks in" in pieces (pr_cont). A piece that no longer fits
the record, or that comes after a record of another CPU, is a record of its own with the flag "c"
(LOG_CONT; before 4.9 "+" for the further ones). Such a piece begins with bytes that a container may
have chosen (a cgroup's name), so it is never read as a line of its own. And one piece is cut off at
LOG_LINE_MAX, which nothing tells: a line with a piece of nearly that length is not believed.

vprintk_store, msg_print_ext_header, kernel/printk/printk.c; Documentation/ABI/testing/dev-kmsg
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from agent.model.absence import ParseError
from agent.model.kmsg import KmsgRecord
from agent.parse.oom import parse_oom_line
from agent.parse.oom_summary import HEAD

PIECES = ("Tasks in /", "Tasks in ", HEAD)
"""How the lines begin that the OOM killer prints in pieces."""
CUT_BYTES = 960
"""LOG_LINE_MAX is 1024 less a prefix of 32, or of 48 with CONFIG_PRINTK_CALLER (976), since 6.4
without (PRINTKRB_RECORD_MAX). Real paths of Kubernetes are half as long.
"""
MAX_BYTES = 16_384
PATIENCE = 8
"""Records of others that may come between two pieces."""


class Line(NamedTuple):
    """A whole line as the record of its first piece. `cut`: the kernel has cut some of it off."""

    record: KmsgRecord
    cut: bool = False


class LineJoiner:
    """Feeds on records in order; what may have more pieces is held until another record comes."""

    def __init__(self) -> None:
        self._held: Line | None = None
        self._others = 0  # records since the last piece

    def feed(self, record: KmsgRecord) -> Iterator[Line]:
        """The lines that are whole now."""
        if record.facility != 0:  # user space writes whole records, and has no pieces
            yield Line(record)
        elif "c" in record.flags or "+" in record.flags:
            self._append(record)
        else:
            yield from self._release(record)
            if record.text.startswith(PIECES):
                self._held = Line(record, len(record.text) >= CUT_BYTES)
            else:
                yield Line(record)

    def flush(self) -> Iterator[Line]:
        """What is held, for nothing more has come."""
        if self._held is not None:
            yield self._held
        self._held, self._others = None, 0

    def _append(self, record: KmsgRecord) -> None:
        if self._held is None:
            return
        self._others = 0
        first, cut = self._held
        text = first.text + record.text
        cut = cut or len(record.text) >= CUT_BYTES or len(text) > MAX_BYTES
        self._held = Line(replace(first, text=text[:MAX_BYTES]), cut)

    def _release(self, by: KmsgRecord) -> Iterator[Line]:
        """A line that is not whole waits for its pieces, but not beyond the next line of ours."""
        held = self._held
        if held is None:
            return
        self._others += 1
        if held.cut or _whole(held.record.text) or self._others > PATIENCE or _ours(by.text):
            self._held, self._others = None, 0
            yield held


def _whole(text: str) -> bool:
    try:
        return parse_oom_line(text) is not None
    except ParseError:
        return False


def _ours(text: str) -> bool:
    try:
        return parse_oom_line(text) is not None
    except ParseError:
        return True
