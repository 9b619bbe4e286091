"""<trace instance>/trace_pipe: the events of our probes in the kernel's OOM killer

    python3-184     [000] .....    20.071121: oom_call_1f2e3d4c: (out_of_memory+0x0/0x4c0) \
memcg=0xffff8880063a1000 max=4096 i0=727 n0={0x792263,0x617461642e,...} i1=663 n1={...} i5=1
    python3-184     [000] .....    20.075953: oom_kill_5a6b7c8d: (__oom_kill_process+0x0/0x440) \
pid=184 tgid=184 start=19825563512 i0=727 n0={0x792263,0x617461642e,...} i1=663 n1={...} i5=1

agent.host.oom_probe defines them. `max` is in pages; `start` in nanoseconds of CLOCK_BOOTTIME.
`i` and `n` are kernfs ids and names, from the cgroup upwards; the names come as words of memory, so
that nothing in them can pass for text of ours: what follows a name's NUL is not part of it.

A probe whose pointer is NULL leaves what was in the ring before. Hence nothing is read above the
root, whose name is empty and whose id is 1 (cgroup_setup_root, kernel/cgroup/cgroup.c), and nothing
of a memory cgroup where `memcg` is 0.

https://docs.kernel.org/trace/kprobetrace.html
"""

from __future__ import annotations

import re
import sys

from agent.model.absence import ParseError
from agent.model.probe import ProbedCall, ProbedCgroup, ProbedKill
from agent.parse.names import printable
from agent.parse.trace_event import TraceEvent

CALL_PREFIX = b"oom_call_"
KILL_PREFIX = b"oom_kill_"

_LONG_MAX = (1 << 63) - 1
_ROOT_INO = 1
_WORD_BYTES = 8
_CALL = re.compile(rb"\([^ )]{1,200}\) memcg=0x([0-9a-f]{1,16}) max=([0-9]{1,20})(?= |$)")
_KILL = re.compile(
    rb"\([^ )]{1,200}\) pid=([0-9]{1,10}) tgid=([0-9]{1,10}) start=([0-9]{1,20})(?= |$)"
)
_LEVEL = re.compile(rb" i([0-9])=([0-9]{1,20})(?: n\1=\{([0-9a-fx,]{1,400})\})?(?= |$)")
# A word that is printed with fewer digits has a NUL in it: what comes after is not looked at.
_TO_SHORT_WORD = re.compile(
    rb"(?:0x[0-9a-f]{15,16},){0,63}(?:0x[0-9a-f]{1,14}(?=,|$)|0x[0-9a-f]{15,16}$)"
)


def parse_probe(event: TraceEvent, page_bytes: int) -> ProbedCall | ProbedKill | None:
    """What one event of our probes tells; None for other events. Raises ParseError.

    `page_bytes` is the kernel's page size, in which limits are counted.
    """
    payload = event.payload.removesuffix(b"\n")
    if event.name.startswith(KILL_PREFIX):
        return _kill(payload, event.timestamp_us)
    if event.name.startswith(CALL_PREFIX):
        return _call(payload, event.timestamp_us, page_bytes)
    return None


def _call(payload: bytes, timestamp_us: int, page_bytes: int) -> ProbedCall:
    head = _CALL.match(payload)
    if head is None:
        raise ParseError("out_of_memory: '(function) memcg=0x... max=pages'", payload)
    memcg = None
    limit_bytes = None
    if int(head[1], 16):
        memcg = _cgroup(payload, head.end())
        pages = int(head[2])
        # PAGE_COUNTER_MAX, include/linux/page_counter.h
        limit_bytes = None if pages >= _LONG_MAX // page_bytes else pages * page_bytes
    return ProbedCall(timestamp_us=timestamp_us, memcg=memcg, limit_bytes=limit_bytes)


def _kill(payload: bytes, timestamp_us: int) -> ProbedKill:
    head = _KILL.match(payload)
    if head is None:
        raise ParseError("__oom_kill_process: '(function) pid= tgid= start='", payload)
    return ProbedKill(
        timestamp_us=timestamp_us,
        pid=int(head[1]),
        tgid=int(head[2]),
        start_boottime_ns=int(head[3]),
        cgroup=_cgroup(payload, head.end()),
    )


def _cgroup(payload: bytes, at: int) -> ProbedCgroup:
    """The levels up to the root, or as far as they go."""
    inodes: list[int] = []
    names: list[str | None] = []
    while at < len(payload):
        match = _LEVEL.match(payload, at)
        if match is None or int(match[1]) != len(inodes):
            raise ParseError("a probe's levels 'iN=inode nN={0x...,...}'", payload[at:])
        at = match.end()
        inodes.append(int(match[2]))
        names.append("" if inodes[-1] & 0xFFFFFFFF == _ROOT_INO else _name(match[3]))
        if names[-1] == "":
            break
    if not inodes:
        raise ParseError("a probe's levels 'iN=inode'", payload)
    return ProbedCgroup(inodes=tuple(inodes), names=tuple(names))


def _name(words: bytes | None) -> str | None:
    """None if no name was recorded, or if it does not end within the words."""
    if words is None:
        return None
    wanted = _TO_SHORT_WORD.match(words)
    if wanted is None:
        raise ParseError("the words of a name, 0x...,0x...", words)
    memory = b"".join(
        [int(word, 16).to_bytes(_WORD_BYTES, sys.byteorder) for word in wanted[0].split(b",")]
    )
    name, end, _ = memory.partition(b"\0")
    return printable(name) if end else None
