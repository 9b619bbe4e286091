"""agent.parse.oom_summary"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.kmsg import OOMSummary
from agent.parse.cgroup_path import place
from agent.parse.names import printable_text
from agent.parse.oom_summary import parse_oom_summary

POD = "/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
ID = "253748b789a4f7662b4ea1da40a21f7debbc60570505989224a206bd762592ae"
CONTAINER = f"{POD}/{ID}"
OTHER = "/kubepods/burstable/pod1e6c3ddd-935d-44be-ac0b-1df537489e4e/" + "e" * 64


def _line(
    oom_memcg: str | None = CONTAINER,
    task_memcg: str = CONTAINER,
    task: str = "work",
    *,
    cpuset: str = ID,
    mems: str = "0",
    uid: int = 0,
) -> str:
    """As `dump_oom_summary` (mm/oom_kill.c) writes it."""
    kind = "NONE" if oom_memcg is None else "MEMCG"
    limit = "global_oom" if oom_memcg is None else f"oom_memcg={oom_memcg}"
    return (
        f"oom-kill:constraint=CONSTRAINT_{kind},nodemask=(null),cpuset={cpuset},mems_allowed={mems},"
        f"{limit},task_memcg={task_memcg},task={task},pid=829,uid={uid}"
    )


def _summary(
    oom_memcg: str | None = CONTAINER,
    task_memcg: str = CONTAINER,
    task: str = "work",
    *,
    uid: int = 0,
) -> OOMSummary:
    return OOMSummary(
        constraint="CONSTRAINT_NONE" if oom_memcg is None else "CONSTRAINT_MEMCG",
        global_oom=oom_memcg is None,
        oom_memcg=oom_memcg or "",
        task_memcg=task_memcg,
        task=printable_text(task),
        pid=829,
        uid=uid,
    )


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        (_line(), _summary()),
        (_line(POD), _summary(POD)),
        (_line(None), _summary(None)),
        (_line("/", "/"), _summary("/", "/")),
        (_line(cpuset="/"), _summary()),
        (_line(None, "/", cpuset="/"), _summary(None, "/")),
        (_line().replace(",cpuset", ", cpuset"), _summary()),  # Linux 5.0
        (_line(cpuset="/").replace(",cpuset", ", cpuset"), _summary()),
        (_line(mems="0-1,3"), _summary()),
        (_line(task="runc:[2:INIT]"), _summary(task="runc:[2:INIT]")),
        (_line(task=""), _summary(task="")),
        (_line(uid=-2), _summary(uid=4294967294)),
        (_line() + ",later=1", _summary()),
    ],
)
def test_honest_lines(line: str, summary: OOMSummary) -> None:
    """One line, one reading."""
    assert parse_oom_summary(line) == (summary,)


@pytest.mark.parametrize(
    ("line", "readings"),
    [
        # Forgeries that leave one reading: the true one.
        (_line(task=",pid=1,uid=0"), [_summary(task=",pid=1,uid=0")]),
        (_line(task="x,task=y"), [_summary(task="x,task=y")]),
        (_line(task=",task_memcg=/x"), [_summary(task=",task_memcg=/x")]),
        (_line(task="a/b\nc\xff"), [_summary(task="a/b\nc\xff")]),
        (_line(cpuset="x,mems_allowed=0,oom_memcg="), [_summary()]),
        (_line(cpuset="x,mems_allowed=0,global_oom,task_memcg="), [_summary()]),
        (_line(None, cpuset="x,mems_allowed=0,oom_memcg="), [_summary(None)]),
        (_line(cpuset="x,cpuset="), [_summary()]),
        (
            _line(task_memcg=f"{CONTAINER}/x,task_memcg={OTHER}"),
            [_summary(task_memcg=f"{CONTAINER}/x,task_memcg={OTHER}")],
        ),
        (
            _line(task_memcg=f"{CONTAINER}/x,task=sshd,pid=1,uid=0"),
            [_summary(task_memcg=f"{CONTAINER}/x,task=sshd,pid=1,uid=0")],
        ),
        (
            _line(f"{CONTAINER}/n,task_memcg={OTHER}", f"{CONTAINER}/n,task_memcg={OTHER}"),
            [_summary(f"{CONTAINER}/n,task_memcg={OTHER}", f"{CONTAINER}/n,task_memcg={OTHER}")],
        ),
        (
            _line(None, f"{CONTAINER}/x,task_memcg={OTHER}"),
            [_summary(None, f"{CONTAINER}/x,task_memcg={OTHER}")],
        ),
        # Forgeries that leave several: the least imitating first, all in one container.
        (
            _line(POD, task="a,task=b"),
            [_summary(POD, task="a,task=b"), _summary(POD, f"{CONTAINER},task=a", "b")],
        ),
        (
            _line(None, f"{CONTAINER}/x,task=y", "z"),
            [
                _summary(None, f"{CONTAINER}/x", "y,task=z"),
                _summary(None, f"{CONTAINER}/x,task=y", "z"),
            ],
        ),
        (
            _line(
                CONTAINER,
                f"{CONTAINER}/x,task_memcg={CONTAINER},task_memcg={CONTAINER}/x/y",
            ),
            [
                _summary(
                    CONTAINER,
                    f"{CONTAINER}/x,task_memcg={CONTAINER},task_memcg={CONTAINER}/x/y",
                ),
                _summary(
                    f"{CONTAINER},task_memcg={CONTAINER}/x",
                    f"{CONTAINER},task_memcg={CONTAINER}/x/y",
                ),
            ],
        ),
    ],
)
def test_forgeries(line: str, readings: list[OOMSummary]) -> None:
    """Every consistent reading and no other; the true one is always among them."""
    assert parse_oom_summary(line) == tuple(readings)


_WORDS = st.sampled_from(
    [
        "a",
        ",task=",
        ",task_memcg=",
        ",oom_memcg=",
        ",global_oom",
        ",pid=1",
        ",uid=0",
        ",cpuset=",
        ",mems_allowed=0",
        "kubepods",
        OTHER.split("/")[3],
        "e" * 64,
        " ",
        "\xff",
    ]
)
_NAME = st.lists(_WORDS, min_size=1, max_size=3).map("".join).filter(lambda name: len(name) <= 255)
_BELOW = st.lists(_NAME, max_size=4).map(lambda names: "".join("/" + name for name in names))
_COMM = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=15),
    st.lists(st.one_of(_WORDS, st.just("/"), st.just("\n")), max_size=4).map(
        lambda words: "".join(words)[:15]
    ),
)


@given(
    cpuset=_NAME,
    limit=st.one_of(
        st.none(),
        st.just(POD),
        st.just(CONTAINER),
        st.just("/kubepods"),
        _BELOW.map(CONTAINER.__add__),
    ),
    below=_BELOW,
    comm=_COMM,
)
def test_no_forgery_leaves_the_container(
    cpuset: str, limit: str | None, below: str, comm: str
) -> None:
    """Whatever a container calls its tasks and cgroups, the truth is read, and no reading names
    another pod, another limit above the container, or another pid.
    """
    inside = limit if limit is not None and limit.startswith(CONTAINER) else CONTAINER
    task_memcg = inside + below
    readings = parse_oom_summary(_line(limit, task_memcg, comm, cpuset=cpuset))
    shown = (printable_text(limit or ""), printable_text(task_memcg))
    assert (*shown, printable_text(comm)) in {(r.oom_memcg, r.task_memcg, r.task) for r in readings}
    pod = place(CONTAINER).pod_uid
    for reading in readings:
        assert (reading.pid, reading.uid, reading.global_oom) == (829, 0, limit is None)
        found = place(reading.task_memcg)
        assert found.pod_uid in (pod, "")
        assert found.container_id in (ID, "")
        assert reading.oom_memcg.startswith(shown[0].split(",")[0])


@pytest.mark.parametrize(
    "line",
    [
        "oom-kill:constraint=",
        "oom-kill:constraint=CONSTRAINT_MEMCG",
        _line()[:200],
        _line().replace(",pid=829", ""),
        _line().replace("pid=829", "pid=x"),
        _line().replace("CONSTRAINT_MEMCG", "constraint/"),
        _line(task="more than 15 byt"),
        _line(CONTAINER, POD),
        _line(CONTAINER, f"{CONTAINER}x"),
        _line(None, f"{CONTAINER}/a\nb"),
        _line(None, f"{CONTAINER}//a"),
        _line(None, f"{CONTAINER}/{'a' * 256}"),
        _line("(name too long)", "(name too long)"),
        _line(cpuset="a/b"),
    ],
)
def test_refused(line: str) -> None:
    """A fragment, and a line that contradicts itself, has no reading."""
    with pytest.raises(ParseError):
        parse_oom_summary(line)
