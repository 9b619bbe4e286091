"""/sys/kernel/btf/vmlinux: the layout of the running kernel's structures

A header, then the types, then the strings. A type begins with three words and some more that its
kind decides:

    name_off    where its name begins among the strings
    info        bits 0-15 vlen, 24-28 kind, 31 kind_flag
    size|type

A structure of vlen members has (name_off, type, offset in bits) for each, an enumeration (name_off,
value). Some 100,000 types stand there one after the other without an index. Reading them all in
Python takes 0.1 s (1.5 s in the emulated lab), at each start; so the few that are wanted are found
by the four bytes of their name_off, and what is found is checked as a type and as the neighbour of
a type: four bytes that only look like one do not pass.

https://docs.kernel.org/bpf/btf.html, include/uapi/linux/btf.h
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from agent.model.absence import ParseError

MAGIC = 0xEB9F

# include/uapi/linux/btf.h: BTF_KIND_*
KIND_INT = 1
KIND_PTR = 2
KIND_ARRAY = 3
KIND_STRUCT = 4
KIND_UNION = 5
KIND_ENUM = 6
KIND_FWD = 7
KIND_TYPEDEF = 8
KIND_VOLATILE = 9
KIND_CONST = 10
KIND_RESTRICT = 11
KIND_FUNC = 12
KIND_FUNC_PROTO = 13
KIND_VAR = 14
KIND_DATASEC = 15
KIND_FLOAT = 16
KIND_DECL_TAG = 17
KIND_TYPE_TAG = 18
KIND_ENUM64 = 19

_KINDS = range(KIND_INT, KIND_ENUM64 + 1)
_COMPOSED = (KIND_STRUCT, KIND_UNION)
_TYPE_BYTES = 12
_MEMBER_BYTES = 12
_FIXED = {KIND_INT: 4, KIND_ARRAY: 12, KIND_VAR: 4, KIND_DECL_TAG: 4}
_PER_ITEM = {
    KIND_STRUCT: _MEMBER_BYTES,
    KIND_UNION: _MEMBER_BYTES,
    KIND_ENUM: 8,
    KIND_FUNC_PROTO: 8,
    KIND_DATASEC: 12,
    KIND_ENUM64: 12,
}
_MAX_NESTING = 8
_ORDER = "<" if sys.byteorder == "little" else ">"
_HEADER = struct.Struct(f"{_ORDER}HBBIIIII")
_TYPE = struct.Struct(f"{_ORDER}III")
_MEMBER = struct.Struct(f"{_ORDER}III")
_ENUM = struct.Struct(f"{_ORDER}Ii")
_ENUM64 = struct.Struct(f"{_ORDER}III")
_WORD = struct.Struct(f"{_ORDER}I")


class _Type(Struct, frozen=True):
    at: int  # of its first word, in the whole of the data
    kind: int
    flag: bool
    vlen: int
    size: int  # or the type that it refers to
    end: int


class Btf:
    """The types of one kernel. All methods raise ParseError if they meet what is no BTF."""

    def __init__(self, data: bytes) -> None:
        """Only the header is looked at here."""
        if len(data) < _HEADER.size:
            raise ParseError("BTF: a header", data[:64])
        magic, version, _, length, types_at, types, strings_at, strings = _HEADER.unpack_from(data)
        if magic != MAGIC or version != 1 or length < _HEADER.size:
            raise ParseError("BTF: magic 0xeb9f of this machine's byte order, version 1", data[:8])
        self._data = data
        self._types, self._types_end = length + types_at, length + types_at + types
        self._strings, self._strings_end = length + strings_at, length + strings_at + strings
        inside = max(self._types_end, self._strings_end) <= len(data)
        if not inside or not strings or data[self._strings_end - 1]:
            raise ParseError("BTF: types and strings within the file", data[: _HEADER.size])
        self._index: list[int] | None = None

    def offsets(
        self, structure: str, members: Collection[str], *, nested: bool = False
    ) -> Mapping[str, int]:
        """Where these members of a structure begin, in bytes; those that it does not have are left
        out. `nested`: those of unnamed structures within it, too, which needs all types to be read.
        """
        wanted = {member.encode(): member for member in members}
        found: dict[str, int] = {}
        for item in self._named(structure, (KIND_STRUCT,)):
            for name, bits in self._members(item, 0, _MAX_NESTING if nested else 0):
                if name not in wanted:
                    continue
                if bits % 8:
                    raise ParseError(f"BTF: {structure} without a bit field of this name", name)
                if found.setdefault(wanted[name], bits // 8) != bits // 8:
                    raise ParseError(f"BTF: one layout of {structure}", name)
        return found

    def enumerator(self, enumeration: str, name: str) -> int | None:
        """The value of one name of an enumeration; None if it has none of that name."""
        wanted = name.encode()
        for found in self._named(enumeration, (KIND_ENUM, KIND_ENUM64)):
            item = _ENUM if found.kind == KIND_ENUM else _ENUM64
            for at in range(found.at + _TYPE_BYTES, found.end, item.size):
                name_off, value, *high = item.unpack_from(self._data, at)
                if self._string(name_off) == wanted:
                    return int(value) | (high[0] << 32 if high else 0)
        return None

    def _members(self, item: _Type, base: int, depth: int) -> Iterator[tuple[bytes, int]]:
        """Name and offset in bits of each, as C sees them."""
        for name_off, type_id, bits in self._items(item):
            if name_off:
                yield self._string(name_off), base + bits
            elif depth:
                inner = self._type_of(type_id)
                if inner.kind in _COMPOSED:  # not so an unnamed bit field
                    yield from self._members(inner, base + bits, depth - 1)

    def _items(self, item: _Type) -> Iterator[tuple[int, int, int]]:
        """(name_off, type, offset in bits) of the members."""
        for at in range(item.at + _TYPE_BYTES, item.end, _MEMBER_BYTES):
            name_off, type_id, bits = _MEMBER.unpack_from(self._data, at)
            yield name_off, type_id, bits & 0xFFFFFF if item.flag else bits

    def _named(self, name: str, kinds: Collection[int]) -> Iterator[_Type]:
        """Those of this name and kind: one, unless equal names mean different things."""
        for name_off in self._name_offsets(name):
            yield from self._with_name(name_off, kinds)

    def _name_offsets(self, name: str) -> Iterator[int]:
        text = b"\0" + name.encode() + b"\0"
        at = self._data.find(text, self._strings, self._strings_end)
        while at >= 0:
            yield at + 1 - self._strings
            at = self._data.find(text, at + 1, self._strings_end)

    def _with_name(self, name_off: int, kinds: Collection[int]) -> Iterator[_Type]:
        word = _WORD.pack(name_off)
        # Zeros are everywhere in there and make the search four times as slow.
        rare = word.rstrip(b"\0") if _ORDER == "<" else word.lstrip(b"\0")
        skip = word.index(rare)
        at = self._data.find(rare, self._types, self._types_end)
        while at >= 0:
            start = at - skip
            if (start - self._types) % 4 == 0 and self._data.startswith(word, start):
                found = self._plausible(start, kinds)
                if found is not None:
                    yield found
            at = self._data.find(rare, at + 1, self._types_end)

    def _plausible(self, at: int, kinds: Collection[int]) -> _Type | None:
        """The type at this place, unless these bytes are something else."""
        try:
            found = self._type_at(at)
            if found.kind not in kinds or not self._whole(found):
                return None
            if found.end < self._types_end:
                self._type_at(found.end)
        except ParseError:
            return None
        return found

    def _whole(self, item: _Type) -> bool:
        """Whether all names of it are strings, and no member begins behind its end."""
        size = _PER_ITEM[item.kind]
        for at in range(item.at + _TYPE_BYTES, item.end, size):
            (name_off,) = _WORD.unpack_from(self._data, at)
            if name_off and not self._begins_string(name_off):
                return False
        if item.kind in _COMPOSED:
            return all(bits <= item.size * 8 for _, _, bits in self._items(item))
        return item.size in (1, 2, 4, 8)

    def _type_at(self, at: int) -> _Type:
        if at < self._types or at + _TYPE_BYTES > self._types_end:
            raise ParseError("BTF: a type within the types", f"one at {at}")
        name_off, info, size = _TYPE.unpack_from(self._data, at)
        kind, vlen = info >> 24 & 0x1F, info & 0xFFFF
        end = at + _TYPE_BYTES + _FIXED.get(kind, 0) + _PER_ITEM.get(kind, 0) * vlen
        known = kind in _KINDS and not info & 0x60FF0000
        if not known or end > self._types_end or (name_off and not self._begins_string(name_off)):
            raise ParseError("BTF: a type of a known kind", self._data[at : at + _TYPE_BYTES].hex())
        return _Type(at=at, kind=kind, flag=bool(info >> 31), vlen=vlen, size=size, end=end)

    def _type_of(self, type_id: int) -> _Type:
        """By its number, modifiers and names for it passed over."""
        if self._index is None:
            self._index = list(self._walk())
        for _ in range(_MAX_NESTING):
            if not 1 <= type_id <= len(self._index):
                raise ParseError("BTF: the number of a type", str(type_id))
            found = self._type_at(self._index[type_id - 1])
            if found.kind not in (KIND_TYPEDEF, KIND_CONST, KIND_VOLATILE, KIND_TYPE_TAG):
                return found
            type_id = found.size
        raise ParseError("BTF: a type that is not a name for itself", str(type_id))

    def _walk(self) -> Iterator[int]:
        """Where each type begins; the first has number 1."""
        at = self._types
        while at < self._types_end:
            yield at
            at = self._type_at(at).end

    def _begins_string(self, name_off: int) -> bool:
        at = self._strings + name_off
        return at < self._strings_end and not self._data[at - 1]

    def _string(self, name_off: int) -> bytes:
        at = self._strings + name_off
        if not self._begins_string(name_off):
            raise ParseError("BTF: the place of a string", str(name_off))
        return self._data[at : self._data.index(b"\0", at)]
