"""The OOM killer's summary line in /dev/kmsg, whose fields may imitate one another

    oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=253748b789a4,mems_allowed=0,\
oom_memcg=/kubepods/podd1cb3f57,task_memcg=/kubepods/podd1cb3f57/253748b789a4,task=work,pid=829,uid=0
    oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
task_memcg=/kubepods/besteffort/pod57fedb1a/887b28602b72,task=work,pid=424,uid=0

`dump_oom_summary`, mm/oom_kill.c, and `mem_cgroup_print_oom_context`, mm/memcontrol.c. cpuset= is
of the task that wanted memory, not of the victim.

A container chooses its comms and the names of the cgroups below its own, so both may hold
",task_memcg=/", ",task=" or ",pid=1,uid=0". What it cannot do:
- cpuset= is the name of one cgroup, without "/", or the root's, "/". So the first other "/" of the
  line begins the first path, and the kernel's own word stands before it.
- A name of a cgroup holds no newline and at most 255 bytes (`cgroup_mkdir`, NAME_MAX).
- Of a cgroup's limit the victim is the cgroup's own: task_memcg is oom_memcg or lies below it.
- A comm has at most 15 bytes, and the pid and the uid after it are the last of the line.
Every way to cut the line that passes all four is a reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.model.absence import ParseError
from agent.model.kmsg import OOMSummary
from agent.parse.names import printable_text

HEAD = "oom-kill:constraint="
_CONSTRAINT = re.compile(r"oom-kill:constraint=([A-Z_]{1,40}),")
# Greedy: the last pid and uid are the kernel's. After them only what later kernels may add.
_TASK_IDS = re.compile(r".*,pid=([0-9]{1,10}),uid=(-?[0-9]{1,10})(?=[, ]|\Z)", re.DOTALL)
_ROOT_CPUSET = re.compile(r", ?cpuset=\Z")
_OOM_MEMCG = ",oom_memcg="
_GLOBAL_OOM = ",global_oom,task_memcg="
_TASK_MEMCG = ",task_memcg="
_TASK = ",task="
_TASK_COMM_BYTES = 15
_NAME_MAX = 255


def parse_oom_summary(text: str) -> tuple[OOMSummary, ...]:
    """Every reading, at least one, the one whose paths imitate the least first.

    ParseError for a line that has none, for example a fragment: the kernel cuts lines that are
    longer than some 1000 bytes, or that another CPU's message interrupts, into several records.
    """
    constraint = _CONSTRAINT.match(text)
    ids = _TASK_IDS.match(text)
    first = text.find("/")
    if _ROOT_CPUSET.search(text, 0, max(first, 0)):
        first = text.find("/", first + 1)
    if constraint is None or ids is None or not 0 < first < ids.start(1):
        raise ParseError("'oom-kill:constraint=...,task_memcg=/...,task=...,pid=...,uid=...'", text)
    global_oom = text.endswith(_GLOBAL_OOM, 0, first)
    if not global_oom and not text.endswith(_OOM_MEMCG, 0, first):
        raise ParseError("'oom_memcg=/' or 'global_oom,task_memcg=/' first", text)
    body = text[first : ids.start(1) - len(",pid=")]
    readings = tuple(
        OOMSummary(
            constraint=constraint[1],
            global_oom=global_oom,
            oom_memcg=printable_text(oom_memcg),
            task_memcg=printable_text(task_memcg),
            task=printable_text(task),
            pid=int(ids[1]),
            uid=int(ids[2]) % 2**32,  # printed as signed
        )
        for oom_memcg, task_memcg, task in _cuts(body, global_oom=global_oom)
    )
    if not readings:
        raise ParseError("a task below the cgroup whose limit it hit, and a comm of 15 bytes", text)
    return readings


def _cuts(body: str, *, global_oom: bool) -> Iterator[tuple[str, str, str]]:
    """oom_memcg, task_memcg and task, cut as far left as possible first."""
    # The root holds every path: for the node there is nothing more to ask.
    for memcg, rest in [("/", body)] if global_oom else _splits(body, _TASK_MEMCG + "/"):
        if rest.startswith(memcg) and _is_path(memcg):
            for path, task in _splits(rest, _TASK, within=_TASK_COMM_BYTES):
                if _is_path(path) and _holds(memcg, path):
                    yield "" if global_oom else memcg, path, task


def _splits(text: str, word: str, *, within: int | None = None) -> Iterator[tuple[str, str]]:
    """Before and after each `word`, whose trailing "/" stays; at most `within` after it."""
    length = len(word.removesuffix("/"))
    at = text.find(word, 0 if within is None else max(0, len(text) - length - within))
    while at >= 0:
        yield text[:at], text[at + length :]
        at = text.find(word, at + 1)


def _is_path(path: str) -> bool:
    if not path.startswith("/") or "\n" in path:
        return False
    return path == "/" or all(0 < len(part) <= _NAME_MAX for part in path[1:].split("/"))


def _holds(ancestor: str, path: str) -> bool:
    return path == ancestor or ancestor == "/" or path.startswith(ancestor + "/")
