"""The build information that Go writes into its programs, and where it is in an ELF file

    path    k8s.io/kubernetes/cmd/kubelet
    mod     k8s.io/kubernetes       v1.30.14
    dep     github.com/opencontainers/runc  v1.1.12 h1:...
    build   -ldflags="... -X k8s.io/component-base/version.gitVersion=v1.30.14 ..."

It lies in the section .go.buildinfo: 14 bytes of magic, a size, flags (2: what follows is inline,
since Go 1.18), and at offset 32 two strings with their lengths before them (varint): the version of
Go, and these lines between two marks of 16 bytes.

Go: src/debug/buildinfo/buildinfo.go. ELF: elf(5), for 64 bits and little endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.names import printable

ELF_HEADER_BYTES = 64
MAX_BYTES = 1 << 20  # a kubelet's is 20 KB
SECTION = b".go.buildinfo"

_MAGIC = b"\xff Go buildinf:"
_INLINE = 2
_MARK_BYTES = 16
_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_SHDR = struct.Struct("<IIQQQQIIQQ")
_GIT_VERSION = re.compile(r"version\.gitVersion=(v[0-9A-Za-z.+-]{1,60})")


class SectionTable(Struct, frozen=True, kw_only=True):
    """Where the section headers of an ELF file are."""

    offset: int
    count: int
    names: int  # the index of the section that holds the names

    @property
    def size(self) -> int:
        return self.count * _SHDR.size


class BuildInfo(Struct, frozen=True, kw_only=True):
    """What a Go program is made of."""

    versions: Mapping[str, str]  # of its modules, by path
    git_version: str  # of Kubernetes; empty: not told


def parse_elf_header(data: bytes) -> SectionTable:
    """From the first 64 bytes; ParseError if it is no ELF file of 64 bits, little endian."""
    if len(data) < _EHDR.size or not data.startswith(b"\x7fELF\x02\x01"):
        raise ParseError("an ELF file of 64 bits, little endian", data[:16])
    header = _EHDR.unpack_from(data)
    offset, entry, count, names = header[6], header[11], header[12], header[13]
    if entry != _SHDR.size or names >= count:
        raise ParseError("an ELF file with section headers", data[:16])
    return SectionTable(offset=offset, count=count, names=names)


def parse_sections(data: bytes) -> tuple[tuple[int, int, int], ...]:
    """(name, offset, size) of each section header; `name` is an offset into the names."""
    if len(data) % _SHDR.size:
        raise ParseError("whole section headers", data[:16])
    return tuple((entry[0], entry[4], entry[5]) for entry in _SHDR.iter_unpack(data))


def parse_go_build_info(data: bytes) -> BuildInfo:
    """From the content of .go.buildinfo; ParseError if it has another form, or Go's before 1.18."""
    if not data.startswith(_MAGIC) or len(data) < 33 or not data[15] & _INLINE:
        raise ParseError("build information of Go 1.18 or later", data[:16])
    go, at = _string(data, 32)
    lines, _ = _string(data, at)
    text = printable(lines[_MARK_BYTES:-_MARK_BYTES].replace(b"\n", b"\0"))
    versions = {"go": printable(go)}
    for line in lines[_MARK_BYTES:-_MARK_BYTES].split(b"\n"):
        fields = line.split(b"\t")
        if len(fields) >= 3 and fields[0] in (b"mod", b"dep", b"=>"):
            versions[printable(fields[1])] = printable(fields[2])
    match = _GIT_VERSION.search(text)
    return BuildInfo(versions=versions, git_version=match[1] if match else "")


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    size = shift = 0
    while True:
        if at >= len(data) or shift > 28:
            raise ParseError("a length", data[at : at + 5])
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if at + size > len(data):
        raise ParseError(f"{size} bytes", data[at : at + 16])
    return data[at : at + size], at + size
