"""agent.observe.victims, agent.observe.cgroup_paths"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.probe import VictimProbe
from agent.observe.cgroup_paths import CgroupPaths
from agent.observe.victims import Victims
from tests.parse.captured_text import captured_lines
from tests.parse.test_oom_probe import ROOT, call, kill, levels

CONTAINER = ((727, b"c1"), (663, b"podx"), (151, b"kubepods"), ROOT)
POD = CONTAINER[1:]
OTHER = ((99, b"cron.service"), (30, b"system.slice"), ROOT)


def line(event: bytes, payload: bytes, *, at: int = 20_000_000, task: int = 184) -> bytes:
    return b"            work-%d     [000] .....    %d.%06d: %b: %b" % (
        task,
        at // 1_000_000,
        at % 1_000_000,
        event,
        payload,
    )


def called(*cgroups: tuple[int, bytes | None], at: int = 1_000_000, task: int = 184) -> bytes:
    payload = call(*cgroups, memcg=1 if cgroups else 0, pages=4096).payload
    return line(b"oom_call_0123abcd", payload, at=at, task=task)


def killed(pid: int, *cgroups: tuple[int, bytes | None], task: int = 184) -> bytes:
    return line(b"oom_kill_0123abcd", kill(*cgroups, pid=pid).payload, task=task)


def marked(pid: int, *, task: int = 184) -> bytes:
    return line(b"mark_victim", b"pid=%d" % pid, task=task)


def probe(cgroup: str, limit: str | None = "/kubepods/podx", at: int = 1_000_000) -> VictimProbe:
    return VictimProbe(
        start_boottime_ns=19_825_563_512,
        cgroup=cgroup,
        call_boottime_ns=at * 1000,
        limit_cgroup=limit or "",
        limit_bytes=None if limit is None else 16 << 20,
        node_wide=limit is None,
    )


def orphan(cgroup: str) -> VictimProbe:
    """A kill whose call was not heard."""
    return VictimProbe(start_boottime_ns=19_825_563_512, cgroup=cgroup)


Told = list[tuple[int, VictimProbe | None]]


@pytest.fixture
def paths() -> CgroupPaths:
    return CgroupPaths()


@pytest.fixture
def victims(paths: CgroupPaths) -> Victims:
    return Victims(page_bytes=4096, path_of=paths.path)


def hear(victims: Victims, *lines: bytes) -> Told:
    seen = [victims.hear(text) for text in lines]
    return [(found.victim.pid, found.probe) for found in seen if found is not None]


C1 = "/kubepods/podx/c1"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([called(*POD), killed(5, *CONTAINER), marked(5)], [(5, probe(C1))]),
        # The thread that has the mm is another one.
        ([called(*POD), killed(5, *CONTAINER), marked(6)], [(6, probe(C1))]),
        # A group kill of 6.1: the first victim is killed again, and marked once.
        (
            [
                *(called(*POD), killed(5, *CONTAINER), marked(5)),
                *(killed(5, *CONTAINER), killed(6, *CONTAINER), marked(6)),
            ],
            [(5, probe(C1)), (6, probe(C1))],
        ),
        # The node is out of memory.
        (
            [called(), killed(5, *OTHER), marked(5)],
            [(5, probe("/system.slice/cron.service", None))],
        ),
        # Dying already: marked, and not killed; and killed, but gone before it was marked.
        ([called(*POD), marked(5)], [(5, None)]),
        ([called(*POD), killed(5, *CONTAINER), called(*POD), marked(6)], [(6, None)]),
        # Two calls, each with its own.
        (
            [
                *(called(*POD, at=1), killed(5, *CONTAINER), marked(5)),
                *(called(*CONTAINER, at=2), killed(6, *OTHER), marked(6)),
            ],
            [(5, probe(C1, at=1)), (6, probe("/system.slice/cron.service", C1, at=2))],
        ),
        # Events are missing: what is of another task is of another call.
        ([killed(5, *CONTAINER), marked(5)], [(5, orphan(C1))]),
        (
            [called(*POD, task=9), killed(5, *CONTAINER), marked(5)],
            [(5, orphan(C1))],
        ),
        ([called(*POD), killed(5, *CONTAINER), marked(6, task=9)], [(6, None)]),
        ([b"# tracer: nop", b"", b"a comm's rest", marked(5)], [(5, None)]),
    ],
)
def test_story(victims: Victims, lines: list[bytes], expected: Told) -> None:
    """Each victim that is marked gets the kill and the call before it, and nobody else's."""
    assert hear(victims, *lines) == expected
    assert victims.probed == sum(found is not None for _, found in expected)


def test_lost(victims: Victims) -> None:
    """After a gap nothing is joined to what was heard before it."""
    hear(victims, called(*POD), killed(5, *CONTAINER))
    victims.lost()
    assert hear(victims, marked(5)) == [(5, None)]
    assert hear(victims, killed(6, *CONTAINER), marked(6)) == [(6, orphan(C1))]


@pytest.mark.parametrize(
    ("cgroups", "followed", "path"),
    [
        (((1, b""),), {}, "/"),
        (CONTAINER, {727: "/stale"}, C1),
        (((8, b"in"), (7, b"c"), (6, b"pod")), {7: "/k/pod/c"}, "/k/pod/c/in"),
        (((8, b"in"), (7, None), (6, None)), {7: "/k/pod/c"}, "/k/pod/c/in"),
        (((8, b"in"), (7, None), (6, None)), {8: "/known", 7: "/k/pod/c"}, "/known"),
        (((8, b"in"), (7, None), (6, None)), {6: "/k/pod"}, ""),
        (((8, b"in"), (7, b"c"), (6, b"pod")), {}, ""),
        (((8, b"in"), (7, None), ROOT), {}, ""),
        (((8, b"in"), (7, b"c"), (6, None)), {6: "/"}, "/c/in"),
        (((8, None),), {8: "/"}, "/"),
    ],
)
def test_path(
    victims: Victims,
    paths: CgroupPaths,
    cgroups: tuple[tuple[int, bytes | None], ...],
    followed: dict[int, str],
    path: str,
) -> None:
    """By names from the root; else from the nearest cgroup above that is followed, if no name
    is missing below it.
    """
    for inode, known in followed.items():
        paths.appeared(inode, known)
    ((_, found),) = hear(victims, killed(5, *cgroups), marked(5))
    assert found is not None
    assert found.cgroup == path


def test_unreadable(victims: Victims) -> None:
    """A probe in an unknown form is an error, and the next kill is told all the same."""
    with pytest.raises(ParseError):
        victims.hear(line(b"oom_kill_0123abcd", b"(f) pid=x" + levels(*CONTAINER)))
    assert hear(victims, called(*POD), killed(5, *CONTAINER), marked(5)) == [(5, probe(C1))]


def test_paths_of_the_dead_are_kept_for_a_while() -> None:
    """The last few that died are known; who appears again lives."""
    paths = CgroupPaths(kept_dead=2)
    for inode in range(1, 5):
        paths.appeared(inode, f"/{inode}")
    for inode in (1, 2, 2, 9):
        paths.gone(inode)
    paths.appeared(1, "/1")
    for inode in (3, 4):
        paths.gone(inode)
    assert [paths.path(inode) for inode in (1, 2, 3, 4, 9)] == ["/1", None, "/3", "/4", None]


def test_captured(victims: Victims, paths: CgroupPaths) -> None:
    """The lines of Linux 6.1: a container, a service, a group, deep below a pod, a name too long,
    the node.
    """
    seen = [victims.hear(text) for text in captured_lines("trace_probes.txt")]
    told = {found.victim.pid: found.probe for found in seen if found is not None}
    container = "/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/" + "2" * 64
    assert told[189] == VictimProbe(
        start_boottime_ns=31_079_461_672,
        cgroup=container,
        call_boottime_ns=31_492_473_000,
        limit_cgroup=container,
        limit_bytes=16 << 20,
    )
    cgroups = {pid: found and (found.cgroup, found.limit_cgroup) for pid, found in told.items()}
    assert cgroups == {
        189: (container, container),
        190: ("/system.slice/cron.service", "/system.slice/cron.service"),
        191: ('/kubepods/burstable/podx/c"y', '/kubepods/burstable/podx/c"y'),
        192: ('/kubepods/burstable/podx/c"y', '/kubepods/burstable/podx/c"y'),
        193: ("", "/kubepods/podg"),
        194: ("", "/kubepods/podg"),
        195: ("/", ""),
    }
    assert [pid for pid, found in told.items() if found and found.node_wide] == [195]
    # The cgroup above the deep one is followed.
    paths.appeared(989, "/kubepods/podg/" + "c" * 60)
    lines = [text for text in captured_lines("trace_probes.txt") if b" pid=193 " in text]
    (deep,) = [probe for _, probe in hear(victims, *lines)]
    assert deep is not None
    nested = '/a ,task_memcg=|b"/deep/deeper/deepest/most'
    assert deep.cgroup == "/kubepods/podg/" + "c" * 60 + nested
