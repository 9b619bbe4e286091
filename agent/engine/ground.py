"""What every watch stands on: the host, the clock, who is who, and who hears of failures."""

from __future__ import annotations

from msgspec import Struct

from agent.config import Settings
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.node import Spawn
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.worker import Pools
from agent.inventory.containers import Inventory


class Ground(Struct, frozen=True, kw_only=True):
    """It owns nothing."""

    settings: Settings
    root: HostRoot
    fs: CgroupFs
    proc: ProcReader
    clock: Clock
    inventory: Inventory
    board: SourceBoard
    guard: Guard
    pools: Pools
    spawn: Spawn
