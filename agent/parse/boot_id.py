"""/proc/sys/kernel/random/boot_id

    09c71941-006e-4a4e-9333-688fd78bfea5

https://docs.kernel.org/admin-guide/sysctl/kernel.html#random
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError

_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_boot_id(data: bytes) -> str:
    """The UUID of this boot, with dashes."""
    value = data.removesuffix(b"\n")
    if _UUID.fullmatch(value) is None:
        raise ParseError("boot_id: a UUID", data)
    return value.decode("ascii")
