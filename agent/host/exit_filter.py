"""A classic BPF program that lets few exits through a socket of the process connector

Every fork, exec and exit of the node is sent to whoever listens. What the filter drops costs some
100 ns in the kernel, and wakes nobody. Passed are

    the acknowledgement of a request (PROC_EVENT_NONE),
    exits of thread group leaders (pid == tgid) by a signal or with a code other than 0,
    exits with code 0 of processes in a set, or whose parent is in it.

The set is a bitmap of hashed pids: it has one size for any number of them (sk_filter_charge: at
most net.core.optmem_max bytes, 20 KiB for long), and a few others pass by chance. BPF has no
tables, so a binary search over constants finds the word of the bitmap.

BPF loads are big-endian, the fields are native: constants are compared as BPF sees them.

https://docs.kernel.org/networking/filter.html
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Collection

from agent.parse.proc_event import HEADER, PROC_EVENT_EXIT, PROC_EVENT_NONE

# include/uapi/linux/bpf_common.h, filter.h
LD_W_ABS, LD_B_ABS, LD_IMM, LD_MEM, ST = 0x20, 0x30, 0x00, 0x60, 0x02
JA, JEQ_K, JGE_K, JEQ_X = 0x05, 0x15, 0x35, 0x1D
AND_K, MUL_K, RSH_K, RSH_X = 0x54, 0x24, 0x74, 0x7C
TAX, RET_K = 0x07, 0x06

WHAT = HEADER.size - 16
PID, TGID, EXIT_CODE, PARENT_TGID = (HEADER.size + offset for offset in (0, 4, 8, 20))
_STATUS = EXIT_CODE if sys.byteorder == "little" else EXIT_CODE + 3
_CODE = EXIT_CODE + 1 if sys.byteorder == "little" else EXIT_CODE + 2

HASH = 0x9E3779B1  # odd, so that no two pids differ in bits that it drops (Knuth, TAOCP 6.4)
BITS = 4096
_WORDS = BITS // 32
_SHIFT = 32 - (BITS.bit_length() - 1)
_PASS, _DROP = 0xFFFFFFFF, 0

Instruction = tuple[int, int, int, int]  # code, jt, jf, k


def exit_filter(pids: Collection[int]) -> bytes:
    """The program, as an array of struct sock_filter; at most 4,096 of them (BPF_MAXINSNS)."""
    bitmap = [0] * _WORDS
    for pid in pids:
        index = (_as_loaded(pid) * HASH & 0xFFFFFFFF) >> _SHIFT
        bitmap[index >> 5] |= 1 << (index & 31)
    program = [
        (LD_W_ABS, 0, 0, WHAT),
        (JEQ_K, 0, 1, _as_loaded(PROC_EVENT_NONE)),
        (RET_K, 0, 0, _PASS),
        (JEQ_K, 1, 0, _as_loaded(PROC_EVENT_EXIT)),
        (RET_K, 0, 0, _DROP),
        (LD_W_ABS, 0, 0, PID),
        (TAX, 0, 0, 0),
        (LD_W_ABS, 0, 0, TGID),
        (JEQ_X, 1, 0, 0),
        (RET_K, 0, 0, _DROP),
        (LD_B_ABS, 0, 0, _STATUS),
        (AND_K, 0, 0, 0x7F),
        (JEQ_K, 1, 0, 0),
        (RET_K, 0, 0, _PASS),
        (LD_B_ABS, 0, 0, _CODE),
        (JEQ_K, 1, 0, 0),
        (RET_K, 0, 0, _PASS),
    ]
    if pids:
        for field in (PID, PARENT_TGID):
            program += _in_set(field, bitmap)
    program.append((RET_K, 0, 0, _DROP))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _as_loaded(value: int) -> int:
    """A native 32-bit field as BPF_LD | BPF_W sees it."""
    return int.from_bytes(value.to_bytes(4, sys.byteorder), "big")


def _in_set(field: int, bitmap: list[int]) -> list[Instruction]:
    """Pass if the field's bit is set; else go on behind this."""
    search = _search(bitmap, 0, len(bitmap))
    # The leaves jump to the end of the search; a forward jump is counted from the next instruction.
    search = [
        (JA, 0, 0, len(search) - at - 1) if code == JA else (code, jt, jf, k)
        for at, (code, jt, jf, k) in enumerate(search)
    ]
    return [
        (LD_W_ABS, 0, 0, field),
        (MUL_K, 0, 0, HASH),
        (RSH_K, 0, 0, _SHIFT),
        (ST, 0, 0, 0),
        (AND_K, 0, 0, 31),
        (TAX, 0, 0, 0),
        (LD_MEM, 0, 0, 0),
        (RSH_K, 0, 0, 5),
        *search,
        (RSH_X, 0, 0, 0),
        (AND_K, 0, 0, 1),
        (JEQ_K, 1, 0, 0),
        (RET_K, 0, 0, _PASS),
    ]


def _search(bitmap: list[int], low: int, high: int) -> list[Instruction]:
    """Load the word whose number is in the accumulator, between `low` and `high`."""
    if high - low == 1 or not any(bitmap[low:high]):
        return [(LD_IMM, 0, 0, bitmap[low]), (JA, 0, 0, 0)]
    middle = (low + high) // 2
    left = _search(bitmap, low, middle)
    return [(JGE_K, len(left), 0, middle), *left, *_search(bitmap, middle, high)]
