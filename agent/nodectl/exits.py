"""What nodectl's exit codes mean, and the errors that carry them."""

from __future__ import annotations

import enum
import sys
from typing import IO, Any, ClassVar

import click

from agent.nodectl.show.words import duration


class Exit(enum.IntEnum):
    """Documented in `nodectl --help`; scripts depend on them."""

    OK = 0
    FINDING = 1  # a finding, or a drill that failed
    USAGE = 2  # click's own
    NO_AGENT = 3  # it is not running, or does not answer
    AGENT_ERROR = 4  # it answered with an error
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


MEANING = {
    Exit.OK: "all is well, or the question was answered",
    Exit.FINDING: "a finding, or a drill that failed",
    Exit.USAGE: "the command line is wrong",
    Exit.NO_AGENT: "the agent is not running or does not answer",
    Exit.AGENT_ERROR: "the agent answered with an error",
    Exit.INTERRUPTED: "interrupted (128 and the number of the signal)",
}


class NodectlError(click.ClickException):
    """An error with its own exit code; the message says what to do."""

    exit_code: ClassVar[int] = Exit.FINDING

    def show(self, file: IO[Any] | None = None) -> None:
        """Print `nodectl: MESSAGE` on stderr."""
        click.echo(f"nodectl: {self.format_message()}", file=file or sys.stderr)


class DrillFailedError(NodectlError):
    exit_code: ClassVar[int] = Exit.FINDING


class NoAgentError(NodectlError):
    exit_code: ClassVar[int] = Exit.NO_AGENT


class AgentAnsweredError(NodectlError):
    exit_code: ClassVar[int] = Exit.AGENT_ERROR


def no_agent(place: str, found: str, causes: tuple[str, ...], do: tuple[str, ...]) -> NoAgentError:
    """The message for an agent that cannot be reached: what was found, why, and what to do."""
    lines = [f"no agent at {place}: {found}"]
    if causes:
        lines += ["", "likely:", *(f"  - {cause}" for cause in causes)]
    lines += ["", "do:", *(f"  - {advice}" for advice in do)]
    return NoAgentError("\n".join(lines))


def timed_out(timeout_seconds: float) -> tuple[str, tuple[str, ...]]:
    """What was found, and the likely causes, when there was no answer in time."""
    return f"it accepts connections and did not answer within {duration(timeout_seconds)}", (
        "the agent is stopped (state T), hangs, or starves for CPU",
        "the machine is slow: nodectl --timeout 30s",
    )
