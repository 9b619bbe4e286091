"""Why a thing is not there. Absent never reads as broken, and unknown never reads as healthy."""

from __future__ import annotations

import enum

from msgspec import Struct


class Absence(enum.Enum):
    """The four names of absence; `agent.host.absence` alone decides which errno means which."""

    VANISHED = "VANISHED"  # ENOENT, ENODEV, ESRCH: it was there or could be, and is not now
    UNSUPPORTED = "UNSUPPORTED"  # this kernel does not have it, or it is switched off
    DENIED = "DENIED"  # we may not
    FAILED = "FAILED"  # anything else


class Absent(Struct, frozen=True, kw_only=True):
    """An absence with the words for people: what was tried, and what to do."""

    absence: Absence
    detail: str


class ParseError(ValueError):
    """A known line or field does not have its known form."""

    def __init__(self, expected: str, got: bytes | str) -> None:
        shown = got if isinstance(got, str) else got.decode("ascii", "backslashreplace")
        super().__init__(f"expected {expected}, got {shown[:200]!r}")
        self.expected = expected
        self.got = got
