"""Kubernetes' quantities and the kubelet's percentages, as its configuration writes them

    100Mi   1.5Gi   500M   1e9   250000k   128974848
    10%

Quantities are exact; a fraction of a byte is rounded up, as Quantity.Value does. A percentage is a
float32 in the kubelet, which decides the last bytes: 10% of 8 GiB is 858993472, not 858993459.

k8s.io/apimachinery/pkg/api/resource/quantity.go; parsePercentage, pkg/kubelet/eviction/helpers.go
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from math import ceil

from agent.model.absence import ParseError

_SUFFIX = {
    **{
        suffix: Fraction(1024) ** power
        for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
    },
    **{
        suffix: Fraction(1000) ** power
        for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)
    },
    **{suffix: Fraction(1, 1000) ** power for power, suffix in enumerate(("m", "u", "n"), 1)},
}
_QUANTITY = re.compile(
    r"([0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE]([+-]?[0-9]{1,2})|([A-Za-z]{0,2}))"
)
_PERCENTAGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,30})?)%")
_FLOAT32 = struct.Struct("f")


def parse_quantity(data: bytes) -> int:
    """The quantity, rounded up to a whole number; ParseError if it is none, or is not positive."""
    text = data.decode("latin-1").strip(" ").removeprefix("+")
    match = _QUANTITY.fullmatch(text)
    if match is None or match[3] not in (None, *_SUFFIX):
        raise ParseError("a quantity such as 100Mi", data)
    scale = Fraction(10) ** int(match[2]) if match[2] else _SUFFIX[match[3] or ""]
    value = ceil(Fraction(match[1]) * scale)
    if value <= 0:
        raise ParseError("a quantity above 0", data)
    return value


def parse_percentage(data: bytes) -> float:
    """The fraction as the kubelet holds it, 0..1; ParseError if it is no percentage."""
    match = _PERCENTAGE.fullmatch(data.decode("latin-1").strip(" "))
    if match is None:
        raise ParseError("a percentage such as 10%", data)
    fraction = _float32(_float32(float(match[1])) / 100)
    if fraction > 1:
        raise ParseError("a percentage of at most 100%", data)
    return fraction


def _float32(value: float) -> float:
    result: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return result
