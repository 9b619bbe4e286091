"""How the judge is put together, and what it sees of the OOM ledger, the inventory and the board.

Other parts of the agent add theirs with `Judge.sees`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from agent.config import Settings
from agent.detect.catalogue import DETECTORS
from agent.detect.scene import Scene
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.judge import CONDITIONS, MAX_DEATHS, MAX_INCIDENTS, SCENE_SECONDS, Judge
from agent.engine.node import LEDGER, Node
from agent.host.clock import Clock
from agent.inventory.containers import Inventory
from agent.ledger.oom import OOMLedger
from agent.model.catalogue import CATALOGUE
from agent.model.condition import ConditionType
from agent.model.event import ConditionChanged
from agent.observe.cgroups import NAME as CGROUPS
from agent.state.conditions import Conditions
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.recovery import Recovered


def conditions_of(
    settings: Settings, recovered: Recovered, boot_id: str, clock: Clock
) -> Conditions:
    """The fold, going on from what was told on this boot."""
    conditions = Conditions(
        filter(partial(_is_judged, settings), CATALOGUE),
        event_ttl_seconds=settings.conditions.event_ttl,
        max_conditions=settings.conditions.max,
    )
    adopt(conditions, recovered, boot_id=boot_id, clock=clock)
    return conditions


def _is_judged(settings: Settings, kind: ConditionType) -> bool:
    """What is switched off is neither False nor Unknown: nobody was to judge it."""
    section, _, key = kind.setting.partition(".")
    return not kind.setting or bool(getattr(getattr(settings, section), key))


def adopt(conditions: Conditions, recovered: Recovered, *, boot_id: str, clock: Clock) -> None:
    """Take over what a journal holds of this boot."""
    told = [condition for boot, condition in recovered.conditions if boot == boot_id]
    conditions.adopt(told, clock.boottime_ns())


def judge_of(
    conditions: Conditions,
    clock: Clock,
    board: SourceBoard,
    guard: Guard,
    node: Node,
    inventory: Inventory,
    incidents: IncidentIndex,
    deaths: DeathIndex,
    ledger: OOMLedger,
    boot_id: str,
) -> Judge:
    """A judge who tells through the node."""

    def tell(changed: Sequence[ConditionChanged]) -> None:
        for change in changed:
            node.tell(change)
        node.settle()

    def see_ledger(scene: Scene) -> Scene:
        since = scene.now_wall_ns - int(SCENE_SECONDS * 1e9)
        found, _ = incidents.select(since_wall_ns=since, limit=MAX_INCIDENTS)
        return replace(
            scene,
            incidents=tuple(each for each in reversed(found) if each.boot_id == boot_id),
            books=ledger.books(),
            first_run_ns=ledger.first_run_ns,
        )

    def see_deaths(scene: Scene) -> Scene:
        since = scene.now_wall_ns - int(SCENE_SECONDS * 1e9)
        told = deaths.since(since, MAX_DEATHS)
        here = (death for death in told if death.boot_id == boot_id)
        return replace(scene, deaths=tuple(sorted(here, key=lambda death: death.boottime_ns)))

    def see_inventory(scene: Scene) -> Scene:
        return replace(
            scene, containers=tuple(inventory.alive()), pods=tuple(inventory.alive_pods())
        )

    judge = Judge(
        clock=clock,
        board=board,
        guard=guard,
        detectors=DETECTORS,
        conditions=conditions,
        tell=tell,
    )
    judge.sees(LEDGER, see_ledger)
    judge.sees(LEDGER, see_deaths)
    judge.sees(CGROUPS, see_inventory)
    judge.sees(CONDITIONS, lambda scene: replace(scene, sources=board.health()))
    return judge
