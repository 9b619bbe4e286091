"""agent.parse.go_build_info"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.go_build_info import parse_elf_header, parse_go_build_info, parse_sections
from tests.parse.go_program import build_info, elf

KUBELET = (
    "path\tk8s.io/kubernetes/cmd/kubelet",
    "mod\tk8s.io/kubernetes\tv1.30.14\t",
    "dep\tgithub.com/opencontainers/runc\tv1.1.12\th1:BOIssBaW1La0/qbNZHXOOa71dZfZEQOzW7dqQf3phss=",
    "build\t-compiler=gc",
    'build\t-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=v1.30.14"',
)


def test_modules_and_version() -> None:
    found = parse_go_build_info(build_info(*KUBELET))
    assert found.versions["github.com/opencontainers/runc"] == "v1.1.12"
    assert found.versions["go"] == "go1.22.12"
    assert found.git_version == "v1.30.14"
    assert parse_go_build_info(build_info("mod\ta\tv1")).git_version == ""


def test_sections() -> None:
    """The table of sections leads to the names and to the content."""
    data = elf(build_info(*KUBELET))
    table = parse_elf_header(data[:64])
    sections = parse_sections(data[table.offset : table.offset + table.size])
    assert len(sections) == table.count == 3
    name, offset, size = sections[2]
    names = data[sections[table.names][1] :]
    assert names[name:].startswith(b".go.buildinfo\0")
    assert parse_go_build_info(data[offset : offset + size]).git_version == "v1.30.14"


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x01\x01" + b"\0" * 60, b"\x7fELF\x02\x01" * 11])
def test_no_elf(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_elf_header(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff Go buildinf:\x08\x00" + b"\0" * 40,
        build_info("a")[:40],
        b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + b"\xff" * 9,
    ],
)
def test_no_build_info(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_go_build_info(data)
