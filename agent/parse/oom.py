"""The OOM killer's lines in /dev/kmsg, after kmsg.parse_kmsg

    work invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=900
    memory: usage 32768kB, limit 32768kB, failcnt 70
    oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=253748b789a4,mems_allowed=0,\
oom_memcg=/kubepods/podd1cb3f57,task_memcg=/kubepods/podd1cb3f57/253748b789a4,task=work,pid=829,uid=0
    oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
task_memcg=/kubepods/besteffort/pod57fedb1a/887b28602b72,task=work,pid=424,uid=0
    Memory cgroup out of memory: Killed process 829 (work) total-vm:33764kB, anon-rss:32416kB, \
file-rss:4kB, shmem-rss:628kB, UID:0 pgtables:104kB oom_score_adj:900
    Tasks in /kubepods/podd1cb3f57 are going to be killed due to memory.oom.group set

mm/oom_kill.c and mm/memcontrol.c. The line "oom-kill:" is there since Linux 5.0 (ef8444ea01d7).
"Killed process" says why it killed since 5.2 (bbbe48029720); before, it stands alone, after a line
"...: Kill process", which is no kill. Since 5.4 it ends with page tables and oom_score_adj
(70cb6d267790; until 5.5 the page tables are bytes under the name kB).

A comm, of at most 15 bytes, is too short to imitate any fixed text here but parts of "oom-kill:";
see oom_summary.py for those.
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.kmsg import OOMGroupKill, OOMInvoked, OOMKilledProcess, OOMLine, OOMUsage
from agent.parse.names import printable_text
from agent.parse.oom_summary import HEAD as SUMMARY_HEAD
from agent.parse.oom_summary import parse_oom_summary

_TASK_COMM_BYTES = 15

_INVOKED_WORDS = " invoked oom-killer: "
_INVOKED = re.compile(
    r"gfp_mask=([0-9a-fx]{1,20}(?:\([^()]*\))?), (?:nodemask=[^ ]*, )?"  # nodemask until 4.20
    r"order=(-?[0-9]{1,10}), oom_score_adj=(-?[0-9]{1,5})(?:[, ].*)?",
    re.DOTALL,
)
_USAGE_HEAD = re.compile(r"memory: usage [0-9]+k")
_USAGE = re.compile(
    r"memory: usage ([0-9]{1,17})kB, limit ([0-9]{1,17})kB, failcnt [0-9]+(?:[, ].*)?", re.DOTALL
)
_UNLIMITED_FROM_KB = (2**63 - 65536) >> 10  # PAGE_COUNTER_MAX of the largest pages, 64 KiB
_GROUP = re.compile(
    r"Tasks in (/.*) are going to be killed due to memory\.oom\.group set", re.DOTALL
)
_KILLED_HEAD = re.compile(r"(?:([A-Z][A-Za-z0-9_() ]{0,100}): )?Killed process ([0-9]{1,10}) \(")
_KILLED_SIZES = re.compile(
    r"(.*?)\) total-vm:([0-9]{1,17})kB, anon-rss:([0-9]{1,17})kB, file-rss:([0-9]{1,17})kB"
    r", shmem-rss:([0-9]{1,17})kB"
    r"(?:, UID:([0-9]{1,10}))?(?: pgtables:([0-9]{1,17})kB)?"
    r"(?: oom_score_adj:(-?[0-9]{1,5}))?(?:[, ].*)?",
    re.DOTALL,
)
_MEMORY_CGROUP = "Memory cgroup out of memory"


def parse_oom_line(text: str) -> OOMLine | None:
    """What the line says; None if it is no line of the OOM killer's that we use.

    A summary is the tuple of all its readings that are consistent in themselves, the most
    plausible first. ParseError for a line that begins as one of ours and does not go on as one.
    """
    invoked = text.find(_INVOKED_WORDS, 0, _TASK_COMM_BYTES + len(_INVOKED_WORDS))
    if invoked >= 0:  # first, for this line alone begins with a comm
        return _invoked(text, invoked)
    if text.startswith(SUMMARY_HEAD):
        return parse_oom_summary(text)
    if text.startswith("Tasks in /"):
        return _group_kill(text)
    if _USAGE_HEAD.match(text):
        return _usage(text)
    head = _KILLED_HEAD.match(text)
    return None if head is None else _killed(text, head)


def _invoked(text: str, comm_length: int) -> OOMInvoked:
    match = _INVOKED.fullmatch(text, comm_length + len(_INVOKED_WORDS))
    if match is None:
        raise ParseError("'invoked oom-killer: gfp_mask=, order=, oom_score_adj='", text)
    return OOMInvoked(
        comm=printable_text(text[:comm_length]),
        gfp_mask=printable_text(match[1]),
        order=int(match[2]),
        oom_score_adj=int(match[3]),
    )


def _usage(text: str) -> OOMUsage:
    match = _USAGE.fullmatch(text)
    if match is None:
        raise ParseError("'memory: usage kB, limit kB, failcnt'", text)
    limit_kb = int(match[2])
    return OOMUsage(
        usage_bytes=int(match[1]) * 1024,
        limit_bytes=None if limit_kb >= _UNLIMITED_FROM_KB else limit_kb * 1024,
    )


def _group_kill(text: str) -> OOMGroupKill | None:
    match = _GROUP.fullmatch(text)
    if match is not None:
        return OOMGroupKill(cgroup=printable_text(match[1]))
    if " are going to be killed" in text:
        raise ParseError(
            "'Tasks in /cgroup are going to be killed due to memory.oom.group set'", text
        )
    return None  # a comm of that beginning, in somebody else's line


def _killed(text: str, head: re.Match[str]) -> OOMKilledProcess:
    match = _KILLED_SIZES.fullmatch(text, head.end())
    if match is None:
        raise ParseError("'Killed process pid (comm) total-vm:kB, anon-rss:kB, ...'", text)
    comm, total_vm, anon, file, shmem, uid, page_tables, oom_score_adj = match.groups()
    return OOMKilledProcess(
        memory_cgroup=None if head[1] is None else head[1] == _MEMORY_CGROUP,
        pid=int(head[2]),
        comm=printable_text(comm),
        total_vm_bytes=int(total_vm) * 1024,
        anon_rss_bytes=int(anon) * 1024,
        file_rss_bytes=int(file) * 1024,
        shmem_rss_bytes=int(shmem) * 1024,
        uid=None if uid is None else int(uid),
        page_tables_bytes=None if page_tables is None else int(page_tables) * 1024,
        oom_score_adj=None if oom_score_adj is None else int(oom_score_adj),
    )
