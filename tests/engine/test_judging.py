"""How the judge is put together: what it goes on from, and what it sees."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from agent.config import Settings
from agent.config.settings import APIServer
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.judging import adopt, conditions_of, judge_of
from agent.engine.node import Node
from agent.inventory.containers import Inventory
from agent.ledger.oom import OOMLedger
from agent.model.condition import NODE, Condition, Severity, Verity
from agent.model.event import ConditionChanged, EventKind
from agent.model.oom import Container, OOMBooks, OOMIncident, Truth
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.position import Numbering
from agent.state.recovery import Recovered
from tests.engine.test_judge import FakeClock


def was_true(kind: str) -> Condition:
    return Condition(
        type=kind,
        entity=NODE,
        status=Verity.TRUE,
        severity=Severity.CRITICAL,
        since_wall_ns=1,
        since_boottime_ns=1,
        reason="So",
        message="it is so",
    )


def recovered(*conditions: tuple[str, Condition]) -> Recovered:
    numbering = Numbering(stream_id="s", first_sequence=1, next_sequence=1)
    return Recovered(numbering=numbering, conditions=conditions)


class FakeNode:
    """Keeps what it is told; `settle` publishes it."""

    def __init__(self) -> None:
        self.told: list[EventKind] = []
        self.published: list[EventKind] = []

    def tell(self, kind: EventKind) -> None:
        self.told.append(kind)

    def settle(self) -> None:
        self.published += self.told
        self.told = []


class FakeLedger:
    first_run_ns = 0

    def books(self) -> OOMBooks:
        return OOMBooks(
            counted=1,
            victims=1,
            repeats=0,
            unattributed=0,
            unattributed_before_start=0,
            pending=0,
            drill_victims=0,
            settle_seconds=2.0,
        )


def test_of_this_boot_only() -> None:
    """What a journal holds of another boot is not so now, also if it opens late."""
    clock = FakeClock()
    found = recovered(("old", was_true("AgentBlind")), ("new", was_true("OOMBooksUnbalanced")))
    conditions = conditions_of(Settings(), found, "new", clock)
    assert [each.type for each in conditions.select()] == ["OOMBooksUnbalanced"]
    adopt(conditions, recovered(("new", was_true("AgentBlind"))), boot_id="new", clock=clock)
    assert len(conditions.select()) == 2


def test_what_is_switched_off_is_not_judged() -> None:
    """It is no condition, neither False nor Unknown."""
    off = conditions_of(Settings(), recovered(), "b", FakeClock())
    assert "NodeMisreported" not in off.roll_up()
    settings = Settings(api_server=APIServer(read_node=True))
    on = conditions_of(settings, recovered(), "b", FakeClock())
    assert on.roll_up().keys() - off.roll_up().keys() == {"NodeMisreported"}


def test_a_hidden_kill_is_published() -> None:
    """From the index through the detector and the fold to the node; what was missed on a former
    boot says nothing of this one.
    """
    clock = FakeClock()
    board = SourceBoard(clock)
    for name in ("vmstat", "memory.events", "kmsg"):
        board.up(name)
    hidden = OOMIncident(
        id="b/k1",
        boot_id="b",
        revision=2,
        boottime_ns=clock.boottime_ns() - 10**9,
        wall_ns=clock.wall_ns() - 10**9,
        container=Container(namespace="shop", pod="web-0", pod_uid="u1", name="app", id="c1"),
        hidden=Truth.YES,
        counted=1,
    )
    missed = replace(hidden, id="a/c0-1", boot_id="a", unattributed=True, container=None)
    node = FakeNode()
    judge = judge_of(
        conditions_of(Settings(), recovered(), "b", clock),
        clock,
        board,
        Guard(board),
        cast(Node, node),
        Inventory("v2"),
        IncidentIndex(10, [missed, hidden]),
        DeathIndex(),
        cast(OOMLedger, FakeLedger()),
        "b",
    )
    judge.round()
    told = {
        kind.condition.type: kind.condition
        for kind in node.published
        if isinstance(kind, ConditionChanged)
    }
    assert told.keys() == {"HiddenOOMKill", "ContainerOOMKilled"}
    assert told["HiddenOOMKill"].entity.id == "c1"
    assert told["HiddenOOMKill"].since_boottime_ns == clock.boottime_ns() - 10**9
