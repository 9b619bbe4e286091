"""From what is known of an end to its verdict."""

from __future__ import annotations

from typing import Any

import pytest

from agent.ledger.senders import SI_KERNEL
from agent.ledger.verdicts import Judgement, Known, judge
from agent.model.death import ProcessExit, SignalSent
from agent.model.evidence import RuntimeRecord
from agent.model.exits import Verdict
from agent.model.oom import Confidence, Container, LimitLevel, OOMIncident, Outcome, Truth, Victim
from tests.ledger.kernel import CID, CONTAINER, SECOND

INIT = 4711
END = 100 * SECOND
RUNTIME = "/system.slice/containerd.service"
SHELL = "/user.slice/user-0.slice/session-3.scope"
OTHERS = CONTAINER.replace(CID, "9" * 64)


def killed(number: int = 9) -> ProcessExit:
    return ProcessExit(
        pid=INIT, parent_pid=1, boottime_ns=END, exit_code=None, signal=number, core_dumped=False
    )


def exited(code: int) -> ProcessExit:
    return ProcessExit(pid=INIT, parent_pid=1, boottime_ns=END, exit_code=code, signal=None)


def sent(number: int = 9, comm: str = "bash", cgroup: str = SHELL, **fields: Any) -> SignalSent:
    known: dict[str, Any] = {
        "boottime_ns": END - 1000,
        "code": 0,
        "sender_pid": 77,
        "target_pid": INIT,
        "target_comm": "work",
        "to_group": True,
        "delivered": True,
    }
    return SignalSent(signal=number, sender_comm=comm, sender_cgroup=cgroup, **(known | fields))


def runc(number: int, ago_seconds: float = 0.001, cgroup: str = RUNTIME) -> SignalSent:
    return sent(number, "runc", cgroup, boottime_ns=END - int(ago_seconds * SECOND))


def incident(
    level: LimitLevel = LimitLevel.CONTAINER, *pids: int, group: bool = False, **fields: Any
) -> OOMIncident:
    victims = tuple(
        Victim(pid=pid, cgroup=CONTAINER, container_init=Truth.YES if pid == INIT else Truth.NO)
        for pid in pids or (INIT,)
    )
    known: dict[str, Any] = {"outcome": Outcome.DIED, "confidence": Confidence.HIGH}
    return OOMIncident(
        id="b/k1",
        boot_id="b",
        revision=1,
        boottime_ns=END,
        wall_ns=1,
        limit_level=level,
        container=Container(id=CID),
        group_kill=group,
        victims=victims,
        **(known | fields),
    )


def record(code: int) -> RuntimeRecord:
    return RuntimeRecord(exit_code=code)


FAULT = sent(11, "work", CONTAINER, sender_pid=INIT, code=1)
BY_KERNEL = sent(9, "work", "", code=SI_KERNEL, sender_pid=90)
CHILD = incident(LimitLevel.CONTAINER, 90, outcome=Outcome.SURVIVED)

CASES: list[tuple[str, Known, Verdict, Confidence]] = [
    ("exit 0", Known(exit=exited(0)), Verdict.EXITED, Confidence.HIGH),
    ("exit 137 is no signal", Known(exit=exited(137)), Verdict.EXITED, Confidence.HIGH),
    (
        "kill -9 from a shell",
        Known(exit=killed(), signals=(sent(),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    (
        "of a sender whose cgroup nobody knows",
        Known(exit=killed(), signals=(sent(cgroup=""),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.MEDIUM,
    ),
    (
        "the runtime, at once",
        Known(exit=killed(), signals=(runc(9),)),
        Verdict.KILLED_BY_RUNTIME,
        Confidence.HIGH,
    ),
    (
        "by its name alone",
        Known(exit=killed(), signals=(runc(9, cgroup=""),)),
        Verdict.KILLED_BY_RUNTIME,
        Confidence.LOW,
    ),
    (
        "asked by its name alone, and it exited",
        Known(exit=exited(0), signals=(runc(15, cgroup=""),)),
        Verdict.STOPPED_BY_RUNTIME,
        Confidence.LOW,
    ),
    (
        "asked by its name alone, then killed",
        Known(exit=killed(), signals=(runc(15, 3, cgroup=""), runc(9))),
        Verdict.GRACE_EXCEEDED,
        Confidence.LOW,
    ),
    (
        "asked by its name alone, then shot from a shell",
        Known(exit=killed(), signals=(runc(15, 3, cgroup=""), sent())),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    (
        "systemd-oomd by its name alone",
        Known(exit=killed(), signals=(sent(9, "systemd-oomd", ""),)),
        Verdict.KILLED_BY_OOMD,
        Confidence.LOW,
    ),
    (
        "a process in a container that calls itself runc",
        Known(exit=killed(), signals=(runc(9, cgroup=OTHERS),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    (
        "asked, then killed; the init ignores SIGTERM",
        Known(
            exit=killed(),
            signals=(
                sent(15, "runc", RUNTIME, boottime_ns=END - SECOND, delivered=False),
                runc(9),
            ),
        ),
        Verdict.GRACE_EXCEEDED,
        Confidence.HIGH,
    ),
    (
        "asked, and it died of it",
        Known(exit=killed(15), signals=(runc(15),)),
        Verdict.STOPPED_BY_RUNTIME,
        Confidence.HIGH,
    ),
    (
        "asked, and it exited",
        Known(exit=exited(143), signals=(runc(15, ago_seconds=50),)),
        Verdict.STOPPED_BY_RUNTIME,
        Confidence.HIGH,
    ),
    *(
        (
            f"asked by signal {number}, and it {what}",
            Known(exit=end, signals=(runc(number, ago_seconds=20),)),
            Verdict.STOPPED_BY_RUNTIME,
            Confidence.HIGH,
        )
        for number in (10, 12, 28, 37)  # USR1 USR2 WINCH RTMIN+3
        for what, end in (("exited", exited(0)), ("died of it", killed(number)))
    ),
    (
        "asked by SIGWINCH to no avail, then killed",
        Known(
            exit=killed(),
            signals=(
                sent(28, "runc", RUNTIME, boottime_ns=END - 60 * SECOND, delivered=False),
                runc(9),
            ),
        ),
        Verdict.GRACE_EXCEEDED,
        Confidence.HIGH,
    ),
    (
        "paused by the runtime, exited by itself",
        Known(exit=exited(0), signals=(runc(19), runc(18))),
        Verdict.EXITED,
        Confidence.HIGH,
    ),
    ("seccomp", Known(exit=killed(31)), Verdict.CRASHED, Confidence.HIGH),
    (
        "kill -TRAP from a shell",
        Known(exit=killed(5), signals=(sent(5),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    (
        "asked to no avail, exited by itself",
        Known(exit=exited(0), signals=(sent(15, "runc", RUNTIME, delivered=False),)),
        Verdict.EXITED,
        Confidence.HIGH,
    ),
    (
        "a shell's SIGTERM, and it exited",
        Known(exit=exited(0), signals=(sent(15),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    (
        "a shell's SIGTERM, long ago",
        Known(exit=exited(0), signals=(sent(15, boottime_ns=END - 31 * SECOND),)),
        Verdict.EXITED,
        Confidence.HIGH,
    ),
    (
        "a SIGHUP reloads",
        Known(exit=exited(0), signals=(sent(1),)),
        Verdict.EXITED,
        Confidence.HIGH,
    ),
    (
        "systemd-oomd",
        Known(
            exit=killed(),
            signals=(sent(9, "systemd-oomd", "/system.slice/systemd-oomd.service"),),
        ),
        Verdict.KILLED_BY_OOMD,
        Confidence.HIGH,
    ),
    (
        "who calls itself so",
        Known(exit=killed(), signals=(sent(9, "systemd-oomd", OTHERS),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    ("a fault", Known(exit=killed(11), signals=(FAULT,)), Verdict.CRASHED, Confidence.HIGH),
    ("abort, signals not seen", Known(exit=killed(6)), Verdict.CRASHED, Confidence.HIGH),
    (
        "kill -SEGV from a shell",
        Known(exit=killed(11), signals=(sent(11),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.HIGH,
    ),
    ("nobody saw who", Known(exit=killed()), Verdict.UNKNOWN, Confidence.LOW),
    (
        "the kernel, and no incident (yet)",
        Known(exit=killed(), signals=(BY_KERNEL,)),
        Verdict.UNKNOWN,
        Confidence.LOW,
    ),
    (
        "its own limit",
        Known(init_pid=INIT, exit=killed(), signals=(BY_KERNEL,), incidents=(incident(),)),
        Verdict.OOM_CONTAINER_LIMIT,
        Confidence.HIGH,
    ),
    *(
        (
            level.value,
            Known(init_pid=INIT, exit=killed(), incidents=(incident(level),)),
            verdict,
            Confidence.HIGH,
        )
        for level, verdict in (
            (LimitLevel.POD, Verdict.OOM_POD_LIMIT),
            (LimitLevel.QOS, Verdict.OOM_KUBEPODS_LIMIT),
            (LimitLevel.KUBEPODS, Verdict.OOM_KUBEPODS_LIMIT),
            (LimitLevel.NESTED, Verdict.OOM_NESTED_LIMIT),
            (LimitLevel.NODE, Verdict.OOM_NODE),
            (LimitLevel.UNKNOWN, Verdict.UNKNOWN),
        )
    ),
    (
        "killed with its group",
        Known(
            init_pid=INIT,
            exit=killed(),
            incidents=(incident(LimitLevel.POD, 90, INIT, group=True),),
        ),
        Verdict.OOM_GROUP_SIBLING,
        Confidence.HIGH,
    ),
    (
        "a child was OOM-killed, the init by the runtime",
        Known(init_pid=INIT, exit=killed(), signals=(runc(9),), incidents=(CHILD,)),
        Verdict.KILLED_BY_RUNTIME,
        Confidence.HIGH,
    ),
    ("nothing", Known(), Verdict.UNKNOWN, Confidence.LOW),
    ("a record: 0", Known(record=record(0)), Verdict.EXITED, Confidence.MEDIUM),
    ("unwatched", Known(record=record(3), watched=False), Verdict.EXITED, Confidence.LOW),
    ("137 of a record", Known(record=record(137)), Verdict.UNKNOWN, Confidence.LOW),
    ("255 of a record", Known(record=record(255)), Verdict.UNKNOWN, Confidence.LOW),
    (
        "137, and its SIGKILL was seen",
        Known(record=record(137), signals=(sent(),)),
        Verdict.KILLED_BY_PROCESS,
        Confidence.MEDIUM,
    ),
    (
        "143, and it was asked",
        Known(record=record(143), signals=(runc(15),)),
        Verdict.STOPPED_BY_RUNTIME,
        Confidence.MEDIUM,
    ),
    (
        "137, and the init was OOM-killed",
        Known(record=record(137), incidents=(incident(),)),
        Verdict.OOM_CONTAINER_LIMIT,
        Confidence.HIGH,
    ),
]


@pytest.mark.parametrize(
    ("known", "verdict", "confidence"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_verdict(known: Known, verdict: Verdict, confidence: Confidence) -> None:
    """Each end has one verdict, and a confidence that its evidence deserves."""
    found = judge(known)
    assert (found.verdict, found.confidence) == (verdict, confidence)


def test_the_signal_that_counted() -> None:
    """The first SIGKILL ended it; the SIGTERM before is when it was asked."""
    term, first, second = runc(15, 3), runc(9, 1), sent(9)
    found = judge(Known(exit=killed(), signals=(term, first, second)))
    assert found == Judgement(
        verdict=Verdict.GRACE_EXCEEDED, counted=first, asked=term, confidence=Confidence.HIGH
    )


@pytest.mark.parametrize(
    ("signal", "verdict"),
    [
        pytest.param(runc(1, 25 * 3600), Verdict.EXITED, id="a reload, long ago"),
        pytest.param(runc(1, 60), Verdict.EXITED, id="a reload, a minute ago"),
        pytest.param(runc(1, 5), Verdict.STOPPED_BY_RUNTIME, id="SIGHUP as stop signal"),
        pytest.param(runc(15, 2 * 3600), Verdict.EXITED, id="SIGTERM that it outlived"),
        pytest.param(runc(15, 600), Verdict.STOPPED_BY_RUNTIME, id="a long grace"),
    ],
)
def test_how_long_a_signal_of_the_runtime_counts(signal: SignalSent, verdict: Verdict) -> None:
    """What came long before the end did not cause it."""
    assert judge(Known(init_pid=INIT, exit=exited(1), signals=(signal,))).verdict is verdict


def test_a_request_that_can_mean_something_else() -> None:
    """Logs were to be reopened; what asks it to end comes before that, at any time."""
    reopen, term = runc(10, 600), runc(15, 3)
    found = judge(Known(init_pid=INIT, exit=exited(0), signals=(reopen,)))
    assert (found.verdict, found.confidence) == (Verdict.STOPPED_BY_RUNTIME, Confidence.MEDIUM)
    found = judge(Known(init_pid=INIT, exit=exited(0), signals=(reopen, term)))
    assert (found.asked, found.counted) == (term, term)
    assert found.confidence is Confidence.HIGH


@pytest.mark.parametrize("code", [129, 138, 143, 156, 165])
def test_a_code_that_stands_for_a_stop_signal(code: int) -> None:
    """Where signals are not seen it may be the answer to one."""
    assert judge(Known(exit=exited(code), signals_seen=False)).verdict is Verdict.UNKNOWN
    assert judge(Known(exit=exited(code))).verdict is Verdict.EXITED


def test_sender_whose_place_nobody_knows() -> None:
    """It may have been one of the container's own: no sure verdict."""
    found = judge(Known(init_pid=INIT, exit=exited(0), signals=(sent(15, cgroup=""),)))
    assert (found.verdict, found.confidence) == (Verdict.KILLED_BY_PROCESS, Confidence.LOW)
