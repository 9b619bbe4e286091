"""BTF as a compiler would write it, of few types. Offsets are in bits."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from agent.parse import btf

Member = tuple[str, int, int]  # name, type, offset in bits


@dataclass
class BtfMaker:
    """Types get their numbers in the order of their making, from 1."""

    order: str = btf._ORDER
    types: bytearray = field(default_factory=bytearray)
    strings: bytearray = field(default_factory=lambda: bytearray(b"\0"))
    count: int = 0

    def name(self, text: str) -> int:
        if not text:
            return 0
        found = bytes(self.strings).find(b"\0" + text.encode() + b"\0")
        if found >= 0:
            return found + 1
        at = len(self.strings)
        self.strings += text.encode() + b"\0"
        return at

    def add(
        self, kind: int, name: str = "", size: int = 0, *, vlen: int = 0, flag: bool = False
    ) -> int:
        info = kind << 24 | vlen | flag << 31
        self.words(self.name(name), info, size)
        self.count += 1
        return self.count

    def words(self, *words: int) -> None:
        for word in words:
            self.types += struct.pack(f"{self.order}I", word & 0xFFFFFFFF)

    def composed(
        self, name: str, members: list[Member], *, size: int = 4096, union: bool = False
    ) -> int:
        kind = btf.KIND_UNION if union else btf.KIND_STRUCT
        number = self.add(kind, name, size, vlen=len(members))
        for member, type_id, bits in members:
            self.words(self.name(member), type_id, bits)
        return number

    def enum(self, name: str, values: dict[str, int], *, wide: bool = False) -> int:
        kind = btf.KIND_ENUM64 if wide else btf.KIND_ENUM
        number = self.add(kind, name, 8 if wide else 4, vlen=len(values))
        for key, value in values.items():
            high = (value >> 32,) if wide else ()
            self.words(self.name(key), value, *high)
        return number

    def every_kind(self) -> None:
        """One type of each kind, with what follows it."""
        self.add(btf.KIND_INT, "int", 4)
        self.words(0x01000020)
        for kind in (
            *(btf.KIND_PTR, btf.KIND_FWD, btf.KIND_TYPEDEF, btf.KIND_VOLATILE, btf.KIND_CONST),
            *(btf.KIND_RESTRICT, btf.KIND_FUNC, btf.KIND_FLOAT, btf.KIND_TYPE_TAG),
        ):
            self.add(kind, f"kind{kind}", 1)
        self.add(btf.KIND_ARRAY)
        self.words(1, 1, 7)
        self.composed("", [("a", 1, 0)], union=True)
        self.add(btf.KIND_FUNC_PROTO, "", 1, vlen=2)
        self.words(self.name("argument"), 1, 0, 0)
        self.add(btf.KIND_VAR, "variable", 1)
        self.words(1)
        self.add(btf.KIND_DATASEC, ".data", 8, vlen=1)
        self.words(self.count, 0, 4)
        self.add(btf.KIND_DECL_TAG, "tag", 1)
        self.words(0xFFFFFFFF)
        self.enum("narrow", {"minus": -1, "zero": 0})
        self.enum("wide", {"large": 1 << 40}, wide=True)
        # kind_flag: the size of a bit field is in the upper byte of its offset.
        self.add(btf.KIND_STRUCT, "fields", 8, vlen=2, flag=True)
        self.words(self.name("field"), 1, 3 << 24 | 5, self.name("whole"), 1, 32)

    def data(self) -> bytes:
        header = struct.pack(
            f"{self.order}HBBIIIII",
            *(btf.MAGIC, 1, 0, 24, 0, len(self.types), len(self.types), len(self.strings)),
        )
        return header + bytes(self.types) + bytes(self.strings)
