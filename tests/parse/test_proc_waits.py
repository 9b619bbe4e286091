"""agent.parse.proc_wchan and proc_stack"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.proc_stack import parse_stack
from agent.parse.proc_wchan import parse_wchan

# work(1) in fsync(2) on ext4 on a suspended device, Linux 6.1
STACK = b"""\
[<0>] folio_wait_bit_common+0x13d/0x380
[<0>] folio_wait_writeback+0x28/0x80
[<0>] __filemap_fdatawait_range+0x90/0x120
[<0>] file_write_and_wait_range+0x6f/0x90
[<0>] ext4_sync_file+0xfd/0x370 [ext4]
[<0>] __x64_sys_fsync+0x37/0x60
"""


def test_stack() -> None:
    """The innermost first, the module kept; a task that runs has none."""
    frames = parse_stack(STACK)
    assert len(frames) == 6
    assert frames[0] == "folio_wait_bit_common+0x13d/0x380"
    assert frames[4] == "ext4_sync_file+0xfd/0x370 [ext4]"
    assert parse_stack(b"") == ()


@pytest.mark.parametrize("text", [b"folio_wait\n", b"[<0>] \n", b"[<0>] a\n" * 65])
def test_no_stack(text: bytes) -> None:
    with pytest.raises(ParseError):
        parse_stack(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [(b"folio_wait_bit_common", "folio_wait_bit_common"), (b"0", ""), (b"a\xff", "a\\xff")],
)
def test_wchan(text: bytes, name: str) -> None:
    """0 says that it does not sleep, or that we may not know."""
    assert parse_wchan(text) == name


@pytest.mark.parametrize("text", [b"", b"two words", b"x" * 513])
def test_no_wchan(text: bytes) -> None:
    with pytest.raises(ParseError):
        parse_wchan(text)
