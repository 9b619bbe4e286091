"""Makes the content of a Go program's .go.buildinfo, and an ELF file around it."""

from __future__ import annotations

import struct

MARK = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"


def build_info(*lines: str, go: str = "go1.22.12") -> bytes:
    text = MARK + "".join(f"{line}\n" for line in lines).encode() + MARK
    head = b"\xff Go buildinf:\x08\x02"
    return head.ljust(32, b"\0") + _string(go.encode()) + _string(text)


def elf(section: bytes, name: bytes = b".go.buildinfo") -> bytes:
    """With three sections: none, the names, and this one."""
    names = b"\0.shstrtab\0" + name + b"\0"
    at_names, at_section = 64, 64 + len(names)
    at_table = at_section + len(section)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1, 0, 0, at_table, 0, 64, 0, 0, 64, 3, 1),
    )

    def row(name: int, offset: int, size: int) -> bytes:
        return struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, offset, size, 0, 0, 1, 0)

    rows = row(0, 0, 0) + row(1, at_names, len(names)) + row(11, at_section, len(section))
    return header + names + section + rows


def _string(data: bytes) -> bytes:
    size, head = len(data), b""
    while size >= 0x80:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + data
