"""/proc/net/stat/{nf_conntrack,arp_cache,ndisc_cache}

    entries  clashres found new invalid ... insert insert_failed drop early_drop ...
    00000015  00000000 00000000 00000000 00000003 ... 00000000 00000000 0000005d 00000000 ...

A line for each CPU, hexadecimal; `entries` is of the whole table and stands in each. Columns are
found by their names, for kernels differ: `table_fulls` came with Linux 3.18, `chainlength` with
5.15, and `clashres` was `searched` before 5.10.

ct_cpu_seq_show (net/netfilter/nf_conntrack_standalone.c), neigh_stat_seq_show
(net/core/neighbour.c)
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.plumbing import Conntrack, ConntrackCounters, Neighbours

_MAX_DIGITS = 16


def parse_conntrack_stat(data: bytes, limit: int) -> Conntrack:
    """The table and its counters; `limit` is net.netfilter.nf_conntrack_max. Raises ParseError."""
    columns = _columns(data)
    return Conntrack(
        entries=_entries(columns, data),
        limit=limit,
        counters=ConntrackCounters(
            insert_failed=_sum(columns, b"insert_failed", data),
            drop=_sum(columns, b"drop", data),
            early_drop=_sum(columns, b"early_drop", data),
        ),
    )


def parse_neighbour_stat(data: bytes, version: int, limit: int | None) -> Neighbours:
    """One table; `limit` is its gc_thresh3. Raises ParseError."""
    columns = _columns(data)
    return Neighbours(
        version=version,
        entries=_entries(columns, data),
        limit=limit,
        table_fulls=_sum(columns, b"table_fulls", data) if b"table_fulls" in columns else None,
    )


def _columns(data: bytes) -> dict[bytes, list[int]]:
    header, _, rest = data.partition(b"\n")
    names = header.split()
    lines = [line for line in rest.split(b"\n") if line.strip()]
    if not lines:
        raise ParseError("net/stat: a line for each CPU", data)
    rows = [line.split() for line in lines]
    for line, row in zip(lines, rows, strict=True):
        if len(row) < len(names):
            raise ParseError("net/stat: a number for each column", line)
    return {name: [_hex(row[at]) for row in rows] for at, name in enumerate(names)}


def _entries(columns: dict[bytes, list[int]], data: bytes) -> int:
    if b"entries" not in columns:
        raise ParseError("net/stat: a column entries", data)
    return columns[b"entries"][0]


def _sum(columns: dict[bytes, list[int]], name: bytes, data: bytes) -> int:
    if name not in columns:
        raise ParseError(f"net/stat: a column {name.decode()}", data)
    return sum(columns[name])


def _hex(digits: bytes) -> int:
    if not digits.isalnum() or len(digits) > _MAX_DIGITS:
        raise ParseError("net/stat: a hexadecimal number", digits)
    try:
        return int(digits, 16)
    except ValueError:
        raise ParseError("net/stat: a hexadecimal number", digits) from None
