"""`nodectl events`: replay what the agent holds, or follow what happens."""

from __future__ import annotations

import contextlib
import random
import re
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct, field

from agent.nodectl.exits import NoAgentError
from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import as_dict, to_json

if TYPE_CHECKING:
    from agent.api.v1 import event_pb2, node_agent_pb2
    from agent.nodectl.client import Client

_TOKEN = re.compile(r"(?:([^/\s]+)/)?(\d{1,20})")


class Token(Struct, frozen=True):
    """Where to resume: after this sequence, of the named stream or of the present one."""

    sequence: int
    stream_id: str = ""

    def __str__(self) -> str:
        return f"{self.stream_id}/{self.sequence}" if self.stream_id else str(self.sequence)


def token_of(value: str | Token) -> Token:
    """SEQUENCE or STREAM/SEQUENCE, else a usage error."""
    if isinstance(value, Token):
        return value
    match = _TOKEN.fullmatch(value)
    if not match or int(match[2]) >= 1 << 64:
        raise click.BadParameter(f"{value!r} is neither SEQUENCE nor STREAM/SEQUENCE")
    return Token(int(match[2]), match[1] or "")


class Backoff(Struct):
    """Waits before a reconnect: doubling to a bound, jittered: clients must not come in step."""

    first_seconds: float = 0.2
    most_seconds: float = 5.0
    attempts: int = field(default=0)

    def wait(self) -> float:
        """The next wait, seconds."""
        span = min(self.first_seconds * 2.0 ** min(self.attempts, 16), self.most_seconds)
        self.attempts += 1
        return random.uniform(self.first_seconds / 2, span)  # noqa: S311 (spreads load, guards nothing)

    def reset(self) -> None:
        """The agent answered."""
        self.attempts = 0


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "--since",
    type=token_of,
    metavar="[STREAM/]SEQ",
    help="Resume after this event. Without it: all that the agent holds; with -f: from now on.",
)
@of_namespaces
@click.option("--pod", default="", help="Only events about this pod, by name or UID.")
@global_options(OUTPUTS)
@click.pass_obj
def command(
    settings: Settings, follow: bool, since: Token | None, namespace: str, pod: str
) -> None:
    """Replay events, or follow them with -f.

    Events that cannot be given any more are marked ("-- gap: ..."). With -o json each line is one
    event, or one gap; with -o yaml each document. Ctrl-C ends it and says on stderr how to resume.
    """
    reader = _Reader(settings, follow, since, namespace, pod)
    try:
        reader.run()
    except KeyboardInterrupt:
        if reader.position is not None:
            click.echo(f"\nresume with: nodectl events -f --since {reader.position}", err=True)


class _Reader:
    def __init__(
        self, settings: Settings, follow: bool, since: Token | None, namespace: str, pod: str
    ) -> None:
        self.settings = settings
        self.follow = follow
        self.namespace = namespace
        self.pod = pod
        self.position = since

    def run(self) -> None:
        """Until caught up; with follow, until interrupted, across restarts of the agent."""
        backoff = Backoff()
        connected = False
        while True:
            try:
                with self.settings.client() as client:
                    for message in self._messages(client):
                        if connected and backoff.attempts:
                            click.echo("nodectl: the agent answers again", err=True)
                        connected = True
                        backoff.reset()
                        self._print(message)
                if not self.follow:
                    return
                reason = "the agent ended the stream"
            except NoAgentError as error:
                if not (self.follow and connected):
                    raise
                reason = error.message.splitlines()[0]
            if not backoff.attempts:
                click.echo(f"nodectl: {reason}; reconnecting, from {self.position}", err=True)
            time.sleep(backoff.wait())

    def _messages(self, client: Client) -> Iterator[node_agent_pb2.WatchEventsResponse]:
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.WatchEventsRequest(namespace=self.namespace, pod=self.pod)
        start = self.position
        if start is None and not self.follow:
            start = Token(0)  # all that is held
        if start is not None:
            request.resume.SetInParent()  # present, though it may be empty
            request.resume.stream_id = start.stream_id
            request.resume.sequence = start.sequence
        if self.follow or start is None:
            yield from client.watch(request)
            return
        head = _head(client)
        for message in client.watch(request, every=True):
            yield message
            if _reached(message, head, start):
                return
            start = None

    def _print(self, message: node_agent_pb2.WatchEventsResponse) -> None:
        """Write, move the position, flush: Ctrl-C in between repeats events and loses none."""
        match self.settings.output:
            case "json":
                lines = self._json(message)
            case "yaml":
                lines = self._yaml(message)
            case output:
                lines = self._text(message, wide=output == "wide")
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
        if message.HasField("position"):
            self.position = Token(message.position.sequence, message.position.stream_id)
        sys.stdout.flush()

    def _json(self, message: node_agent_pb2.WatchEventsResponse) -> list[str]:
        lines = [to_json(event, one_line=True) for event in message.events]
        if message.HasField("gap"):
            lines.insert(0, f'{{"gap": {to_json(message.gap, one_line=True)}}}')
        return lines

    def _yaml(self, message: node_agent_pb2.WatchEventsResponse) -> list[str]:
        from agent.nodectl.yaml import to_yaml

        found = [as_dict(event) for event in message.events]
        if message.HasField("gap"):
            found.insert(0, {"gap": as_dict(message.gap)})
        return [to_yaml(each, document=True).removesuffix("\n") for each in found]

    def _text(self, message: node_agent_pb2.WatchEventsResponse, *, wide: bool) -> list[str]:
        from agent.nodectl.show.events import gap_line, line

        lines = [line(event, wide=wide) for event in message.events]
        if message.HasField("gap"):
            lines.insert(0, gap_line(message.gap))
        return lines


def _head(client: Client) -> event_pb2.ResumeToken:
    """Where the stream stands now: a replay ends there."""
    from agent.api.v1 import node_agent_pb2 as wire

    with contextlib.closing(client.watch(wire.WatchEventsRequest())) as messages:
        return next(messages).position


def _reached(
    message: node_agent_pb2.WatchEventsResponse, head: event_pb2.ResumeToken, start: Token | None
) -> bool:
    """Whether the replay is at its end; `start` is what was asked for, with the first message."""
    at = message.position
    if at.stream_id != head.stream_id or at.sequence < head.sequence:
        return False
    # A token that the agent cannot take is answered by a gap, which comes after the first message.
    refused = start is not None and (
        start.sequence > at.sequence or start.stream_id not in ("", at.stream_id)
    )
    return not refused or message.HasField("gap")
