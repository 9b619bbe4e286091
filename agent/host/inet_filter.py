"""The kernel's own filter of sock_diag for TCP sockets: INET_DIAG_REQ_BYTECODE

Each instruction says how far to go if it holds, and how far if not. A jump beyond the end leaves
the socket out. The kernel wants every jump to end on the way that one takes if all holds, so an
"or" is an instruction, and a jump over the other one (inet_diag_bc_audit, net/ipv4/inet_diag.c).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from msgspec import Struct

# include/uapi/linux/inet_diag.h: INET_DIAG_BC_*
JMP, S_GE, S_LE, D_GE, D_LE, CGROUP_COND = 1, 2, 3, 4, 5, 13  # the last one since Linux 5.9

_OP = struct.Struct("=BBH")
_U64 = struct.Struct("=Q")
_OUT = -1


class Op(Struct, frozen=True):
    """One instruction. `otherwise`: so many instructions further if it does not hold; _OUT: the
    socket is left out.
    """

    code: int
    operand: bytes = b""
    otherwise: int = _OUT

    @property
    def size(self) -> int:
        return _OP.size + len(self.operand)


def in_cgroup(inode: int) -> tuple[Op, ...]:
    """Made in this cgroup of v2."""
    return (Op(CGROUP_COND, _U64.pack(inode)),)


def to_ports(ports: Iterable[int]) -> tuple[Op, ...]:
    """To one of these ports, of which there is at least one."""
    each = [(Op(D_GE, _port(port), 3), Op(D_LE, _port(port), 2)) for port in sorted(set(ports))]
    made: list[Op] = []
    for index, (least, most) in enumerate(each):
        left = len(each) - index - 1
        if left:
            made += [least, most, Op(JMP, b"", 3 * left)]
        else:
            made += [Op(D_GE, least.operand), Op(D_LE, most.operand)]
    return tuple(made)


def not_from_ports(ports: Iterable[int]) -> tuple[Op, ...]:
    """From none of these ports: what a server has dialled, not what has dialled it."""
    made: list[Op] = []
    for port in sorted(set(ports)):
        made += [Op(S_LE, _port(port - 1), 2), Op(JMP, b"", 2), Op(S_GE, _port(port + 1))]
    return tuple(made)


def bytecode(*parts: tuple[Op, ...]) -> bytes:
    """All parts must hold."""
    ops = [op for part in parts for op in part]
    starts = [sum(op.size for op in ops[:index]) for index in range(len(ops) + 1)]
    end = starts[-1]
    made = b""
    for index, op in enumerate(ops):
        out = op.otherwise == _OUT
        target = end + _OP.size if out else starts[min(index + op.otherwise, len(ops))]
        made += _OP.pack(op.code, op.size, target - starts[index]) + op.operand
    return made


def _port(number: int) -> bytes:
    return _OP.pack(0, 0, max(0, min(number, 0xFFFF)))
