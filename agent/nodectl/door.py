"""The ways to an agent: what a client needs of each."""

from __future__ import annotations

import os
import types
from typing import TYPE_CHECKING, Protocol

from agent.nodectl.exits import NoAgentError

if TYPE_CHECKING:
    import grpc

Options = tuple[tuple[str, str | int], ...]


class Door(Protocol):
    """A way in. Making one asks nobody."""

    def probe(self, timeout_seconds: float) -> None:
        """Connect once and hang up; NoAgentError with the cause if nobody would answer."""
        ...

    def channel(self, options: Options) -> grpc.Channel:
        """A channel with these options; the caller closes it."""
        ...

    def no_agent(self, found: str, causes: tuple[str, ...]) -> NoAgentError:
        """The error that names this door, what was found at it, and what to do."""
        ...


def import_grpc() -> types.ModuleType:
    """The module grpc, once somebody is there to talk to: it is most of nodectl's start-up."""
    # Its core would write its own log lines between ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import grpc

    return grpc
