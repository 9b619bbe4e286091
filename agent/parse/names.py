"""Names that somebody else chose (tasks, cgroups, mounts), as text that is safe to print.

    b"runc:[2:INIT]"    runc:[2:INIT]
    b"a\\nb\\xff"         a\\x0ab\\xff

The kernel hands out such names as they are, in any bytes. They are shown as /dev/kmsg shows them
(`msg_add_ext_text`, kernel/printk/printk.c), except that a backslash stays a backslash: systemd's
own unit names hold some (`system-getty\\x2dx.slice`), and a path must still open its cgroup.
"""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")


def printable(name: bytes) -> str:
    """The name as ASCII text; every byte that is not printable ASCII becomes `\\xNN`."""
    if name.isascii():
        text = name.decode("ascii")
        if text.isprintable():
            return text
    return _UNPRINTABLE.sub(lambda byte: b"\\x%02x" % byte[0][0], name).decode("ascii")


def printable_text(name: str) -> str:
    """The same for a name that a parser of text holds, where a byte is a character up to U+00FF."""
    return printable(name.encode("latin-1", "backslashreplace"))
