"""Ages, sizes, names: how values become words. Nothing here believes a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from agent.api.v1 import oom_pb2

COLUMNS = 100
_UNBROKEN = "\N{NO-BREAK SPACE}"  # never in a name: `escape` sees to that
_UNITS = ("B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def escape(text: str) -> str:
    r"""The text; what a terminal could obey, or what could imitate a line, as \xNN or \uNNNN.

    Names of processes, cgroups and pods are chosen by containers: no control character, no line
    separator and no bidirectional override of theirs reaches the terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in text)


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def size(count: int) -> str:
    """Bytes as Kubernetes writes them: "2Gi" if it is exactly that, else "1.9Gi"."""
    value, unit = float(count), 0
    while value >= 1024 and unit + 1 < len(_UNITS):
        value /= 1024
        unit += 1
    if count == int(value) << (10 * unit):
        return f"{int(value)}{_UNITS[unit]}"
    return f"{value:.1f}{_UNITS[unit]}" if value < 100 else f"{value:.0f}{_UNITS[unit]}"


def duration(seconds: float) -> str:
    """A span in at most two units: "80ms", "12s", "2m11s", "31m", "3h12m", "72h", "5d"."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f}ms"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10:
        return f"{minutes}m{rest:02d}s"
    hours, minutes_left = divmod(minutes, 60)
    if hours < 1:
        return f"{minutes}m"
    if hours < 10:
        return f"{hours}h{minutes_left:02d}m" if minutes_left else f"{hours}h"
    return f"{hours}h" if hours < 100 else f"{hours // 24}d"


def latency(nanoseconds: int) -> str:
    """How long a hop took: "0.42ms", "8.3ms", "214ms", "1.92s"."""
    millis = nanoseconds / 1e6
    if millis < 1:
        return f"{millis:.2f}ms"
    if millis < 100:
        return f"{millis:.1f}ms"
    return f"{millis:.0f}ms" if millis < 1000 else f"{millis / 1000:.2f}s"


def age(then: Timestamp, now_ns: int) -> str:
    """How long ago; "?" for a time that was never set. The future (a stepped clock) reads as 0s."""
    then_ns = then.ToNanoseconds()
    if then_ns == 0:
        return "?"
    seconds = max(now_ns - then_ns, 0) // 1_000_000_000
    return duration(seconds) if seconds else "0s"


def timestamp(then: Timestamp) -> str:
    """UTC to the second, "2026-11-22 03:12:44Z", or "?"."""
    if not then.seconds:
        return "?"
    return f"{datetime.fromtimestamp(then.seconds, UTC):%Y-%m-%d %H:%M:%S}Z"


def books_line(books: oom_pb2.OOMBooks) -> str:
    """The books in one line; what does not add up is said, not hidden."""
    if not books.HasField("counted"):
        return (
            f"books  the kernel's count (/proc/vmstat oom_kill) cannot be read: no claim is made; "
            f"{books.victims} attributed"
        )
    sides = (
        f"{books.victims} attributed + {books.repeats} repeats + {books.unattributed} unattributed"
    )
    if books.pending:
        sides += f" + {books.pending} pending"
    equal = "=" if books.balanced or books.overdue else "!="
    return f"books  {books.counted} OOM kills since boot {equal} {sides}"


def books_notes(books: oom_pb2.OOMBooks) -> list[str]:
    """What the reader must know to believe the line, indented below it."""
    notes = []
    if books.overdue:
        notes.append(
            f"       {books.overdue} of the pending {'is' if books.overdue == 1 else 'are'} not "
            "settled after a minute; please report this"
        )
    elif books.HasField("counted") and not books.balanced:
        notes.append(
            "       the books do NOT balance: the kernel counted otherwise; please report this"
        )
    if books.unattributed_before_start:
        notes.append(
            f"       {books.unattributed_before_start} of the unattributed are from before "
            "the agent first ran on this boot"
        )
    if books.drill_victims:
        notes.append(f"       {books.drill_victims} of the attributed were drills")
    return notes


def in_line(parts: list[str]) -> str:
    """The parts in one line that `wrapped` breaks between them only."""
    return " · ".join(part.replace(" ", _UNBROKEN) for part in parts)


def wrapped(head: str, text: str) -> list[str]:
    """The text behind the head, in lines below COLUMNS; the further ones are indented as far."""
    import textwrap

    lines = textwrap.wrap(
        text,
        width=COLUMNS - 1,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace(_UNBROKEN, " ") for line in lines] or [head.rstrip()]
