"""What the agent has done for itself against a node that runs out of memory."""

from __future__ import annotations

from msgspec import Struct


class Protection(Struct, frozen=True, kw_only=True):
    """One means, got or refused."""

    name: str  # "oom_score_adj", "mlock2", "memory.min"
    got: bool
    detail: str  # what was got; or why not, and what would change that
