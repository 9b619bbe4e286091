"""Which format and which encoding a scraper wants: the Accept and Accept-Encoding headers.

    Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*
    Accept-Encoding: gzip, deflate;q=0.5

https://www.rfc-editor.org/rfc/rfc9110#section-12.5
"""

from __future__ import annotations

import enum
from collections.abc import Iterator


class Format(enum.Enum):
    """An exposition format that we write; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def media_type(self) -> str:
        return self.value.partition(";")[0]

    @property
    def version(self) -> str:
        return self.value.split(";")[1].strip().removeprefix("version=")


def choose_format(accept: str) -> Format:
    """The format that `accept` prefers; text if it prefers none of ours, for that beats a 406."""
    ranges = list(_items(accept))
    text = _quality(Format.TEXT, ranges)
    return Format.OPENMETRICS if _quality(Format.OPENMETRICS, ranges) > text else Format.TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client takes gzip; "*" counts, an explicit gzip;q=0 forbids it."""
    by_name = {name: q for name, _, q in _items(accept_encoding)}
    return by_name.get("gzip", by_name.get("*", 0.0)) > 0.0


def _quality(offer: Format, ranges: list[tuple[str, dict[str, str], float]]) -> float:
    """The weight of the most specific range that covers `offer`; 0 if none does."""
    best = (-1, 0.0)
    kind = offer.media_type.partition("/")[0]
    for media, parameters, q in ranges:
        if media == offer.media_type:
            if parameters.get("version", offer.version) != offer.version:
                continue
            specific = 3 if "version" in parameters else 2
        elif media == f"{kind}/*":
            specific = 1
        elif media == "*/*":
            specific = 0
        else:
            continue
        best = max(best, (specific, q))
    return best[1]


def _items(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Each item, its parameters and its weight; a weight that is no number from 0 to 1 is 0."""
    for item in header.split(","):
        name, *rest = (part.strip() for part in item.split(";"))
        if not name:
            continue
        parameters = {}
        for part in rest:
            key, _, value = part.partition("=")
            parameters[key.strip().lower()] = value.strip().strip('"')
        yield name.lower(), parameters, _weight(parameters.pop("q", "1"))


def _weight(text: str) -> float:
    try:
        q = float(text)
    except ValueError:
        return 0.0
    return q if 0.0 <= q <= 1.0 else 0.0
