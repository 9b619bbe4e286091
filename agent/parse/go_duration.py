"""Durations as Go writes and reads them: time.ParseDuration

    1m30s   90s   1.5h   500ms

https://pkg.go.dev/time#ParseDuration
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = r"([0-9]{1,12}(?:\.[0-9]{0,12})?)(h|ms|m|s|us|µs|ns)"
_WHOLE = re.compile(rf"(?:{_PART})+")
_EACH = re.compile(_PART)


def parse_go_duration(data: bytes) -> float:
    """Seconds, not negative; ParseError if it is no such duration."""
    text = data.decode("utf-8", "backslashreplace")
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        raise ParseError("a duration such as 1m30s", data)
    return sum(float(number) * _SECONDS[unit] for number, unit in _EACH.findall(text))
