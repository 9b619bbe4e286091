"""agent.derive.eaters"""

from __future__ import annotations

from msgspec.structs import replace

from agent.derive.eaters import Eaters
from agent.model.cgroup import CgroupId, CgroupLevel, CgroupPlace
from agent.model.oom import Container
from agent.model.usage import CgroupKind, CgroupSample, MemoryUse, Sweep

NS = 10**9


def _sweep(second: int, **working_sets: int) -> Sweep:
    samples = {}
    for number, (name, working_set) in enumerate(sorted(working_sets.items()), 1):
        service = name.endswith("service")
        key = CgroupId(hierarchy="v2", inode=hash(name))
        samples[key] = CgroupSample(
            id=key,
            place=CgroupPlace(
                path=f"/{name}",
                level=CgroupLevel.SYSTEM if service else CgroupLevel.CONTAINER,
                unit=name if service else "",
            ),
            kind=CgroupKind.SERVICE if service else CgroupKind.CONTAINER,
            boottime_ns=second * NS + number,
            memory=MemoryUse(current=working_set + 7, anon=0, file=0, inactive_file=7),
        )
    return Sweep(
        started_boottime_ns=second * NS,
        ended_boottime_ns=second * NS,
        samples=samples,
    )


def _late(sweep: Sweep, *names: str) -> Sweep:
    late = (key for key, sample in sweep.samples.items() if sample.place.path[1:] in names)
    return replace(sweep, late=frozenset(late))


def _names(sample: CgroupSample) -> Container:
    return Container(name=sample.place.path)


def _top(eaters: Eaters) -> list[tuple[str, int, int, int]]:
    return [
        (e.container.name if e.container else e.unit, e.working_set, e.grown_1m, e.grown_5m)
        for e in eaters.top(10, _names)
    ]


def test_growth_over_one_and_five_minutes() -> None:
    """The one that grew most first; who shrank is none; what came under our eyes began with 0."""
    eaters = Eaters()
    assert _top(eaters) == []
    for second in range(400):
        born = {"born": 1000 * (second - 350)} if second > 350 else {}
        eaters.observe(
            _sweep(second, a=5000 + second * 10, xservice=second * 20, b=9000 - second, **born)
        )
    name, now, one, five = _top(eaters)[0]
    assert (name, now, one, five) == ("/born", 49_000, 49_000, 49_000)
    assert [row[0] for row in _top(eaters)] == ["/born", "xservice", "/a"]
    for _, _, one, five in _top(eaters)[1:]:
        assert five == one * 5 or abs(five - one * 5) <= 5 * 20 * 10  # a step is ten seconds
    assert len(eaters.top(1, _names)) == 1


def test_since_the_start_if_that_is_less() -> None:
    """A large container that was there before is no eater."""
    eaters = Eaters()
    eaters.observe(_late(_sweep(1, a=10**9), "a"))
    eaters.observe(_sweep(2, a=10**9 + 5))
    assert _top(eaters) == [("/a", 10**9 + 5, 5, 5)]


def test_whom_the_sweep_comes_to_later() -> None:
    """Of thousands some hundreds are opened in each sweep: the last of them is as old as the first.
    Who begins meanwhile began with nothing.
    """
    eaters = Eaters()
    eaters.observe(_late(_sweep(1, a=5000), "a"))
    eaters.observe(_late(_sweep(2, a=5000, b=10**9), "b"))
    eaters.observe(_late(_sweep(3, a=5000, b=10**9, c=10**9, born=70), "c"))
    assert _top(eaters) == [("/born", 70, 70, 70)]
    eaters.observe(_sweep(20, a=5000, b=10**9 + 1, c=10**9 + 2, born=80))
    assert _top(eaters) == [("/born", 80, 80, 80)]
    eaters.observe(_sweep(40, a=5000, b=10**9 + 3, c=10**9 + 2, born=80))
    assert [row[0] for row in _top(eaters)] == ["/born", "/b"]


def test_who_could_not_be_read() -> None:
    """At a step, or at the first sweep that opened it: what it has is no growth of a moment."""
    eaters = Eaters()
    eaters.observe(_late(_sweep(1, a=10**9), "a"))
    (key,) = _sweep(1, a=0).samples
    for second in range(20, 60, 20):
        eaters.observe(replace(_sweep(second), failed=frozenset((key,))))
        assert _top(eaters) == []
    eaters.observe(_sweep(60, a=10**9 + 7))
    assert _top(eaters) == [("/a", 10**9 + 7, 7, 7)]
    for second in range(70, 600, 10):
        eaters.observe(replace(_sweep(second), failed=frozenset((key,))))
    eaters.observe(_sweep(601, a=10**9 + 9))
    assert _top(eaters) == [("/a", 10**9 + 9, 2, 2)]


def test_who_came_late_and_could_not_be_read_at_the_step() -> None:
    eaters = Eaters()
    eaters.observe(_sweep(1))
    eaters.observe(_late(_sweep(2, a=10**9), "a"))
    eaters.observe(replace(_sweep(20), failed=frozenset(_sweep(20, a=0).samples)))
    eaters.observe(_sweep(21, a=10**9))
    assert _top(eaters) == []
    eaters.observe(_sweep(40, a=10**9))
    eaters.observe(_sweep(41, a=10**9 + 3))
    assert _top(eaters) == [("/a", 10**9 + 3, 3, 3)]


def test_the_gone_are_forgotten() -> None:
    eaters = Eaters()
    eaters.observe(_sweep(1, a=1, b=1))
    eaters.observe(_sweep(20, b=5))
    assert [row[0] for row in _top(eaters)] == ["/b"]
