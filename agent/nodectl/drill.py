"""`nodectl drill`: the agent is believed when it has been seen to work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from agent.nodectl.exits import DrillFailedError, Exit, NodectlError
from agent.nodectl.options import Settings, global_options, seconds_of
from agent.nodectl.printing import print_yaml
from agent.nodectl.show.words import escape, latency, size, wrapped

if TYPE_CHECKING:
    from agent.api.v1 import node_agent_pb2
    from agent.drill.agent_hops import Agent
    from agent.drill.oom import DrillSettings
    from agent.drill.report import DrillReport
    from agent.nodectl.client import Client

DEFAULT_METRICS = "http://127.0.0.1:9754/metrics"
_MIB = 1 << 20


@click.group("drill")
def command() -> None:
    """Provoke something of our own, and see whether the agent sees it."""


@command.command("oom")
@click.option(
    "--wait",
    type=seconds_of,
    default="10s",
    show_default=True,
    metavar="DURATION",
    help="How long each hop may take after the kill.",
)
@click.option(
    "--metrics",
    metavar="URL",
    envvar="NODEWITNESS_METRICS",
    default=DEFAULT_METRICS,
    show_default=True,
    show_envvar=True,
    help='The agent\'s metrics page; "none" leaves that hop out.',
)
@click.option(
    "--limit",
    type=click.IntRange(4, 4096),
    default=32,
    show_default=True,
    metavar="MIB",
    help="Memory limit of the scratch cgroup.",
)
@click.option("--kernel-only", is_flag=True, help="Ask no agent: the kernel's half alone.")
@global_options()
@click.pass_context
def oom(ctx: click.Context, wait: float, metrics: str, limit: int, kernel_only: bool) -> None:
    """Let the kernel OOM-kill a child of ours, and follow that kill through every hop.

    Makes a scratch cgroup with a small limit and no swap, and puts one child in it that eats memory
    until it is killed. Nothing else is touched, and nobody is paged: the agent books it as a drill.
    The hops: the kernel's counters and its log, the agent's stream, its ledger, its metrics, its
    books. Exits 1 if one of them missed the kill. Needs root.
    """
    settings = ctx.ensure_object(Settings)
    from agent.drill.oom import DrillSettings

    plan = DrillSettings(
        wait_seconds=wait,
        limit_bytes=limit * _MIB,
        metrics_url="" if metrics == "none" or kernel_only else metrics,
    )
    if kernel_only:
        found = _hold(ctx, settings, plan, None)
    else:
        with settings.client_of_this_node() as client:
            found = _hold(ctx, settings, plan, _DrillAgent(client))
    answer = {"passed": found.passed, **to_builtins(found)}
    if settings.output == "json":
        click.echo(json.dumps(answer, indent=2))
    elif settings.output == "yaml":
        print_yaml(json.loads(json.dumps(answer)))  # enums and tuples as JSON has them
    else:
        click.echo(report(found))
    if not found.passed:
        ctx.exit(Exit.FINDING)


def _hold(
    ctx: click.Context, settings: Settings, plan: DrillSettings, agent: Agent | None
) -> DrillReport:
    from agent.drill.agent_hops import AgentError
    from agent.drill.interrupts import Interrupted
    from agent.drill.oom import DrillError, hold

    try:
        return hold(plan, agent, _Narrator(silent=settings.output in ("json", "yaml")))
    except DrillError as error:
        raise DrillFailedError(escape(str(error))) from None
    except AgentError as error:
        if isinstance(error.__cause__, NodectlError):
            raise error.__cause__ from None
        raise DrillFailedError(escape(str(error))) from None
    except Interrupted as interrupted:
        click.echo(f"nodectl: {interrupted}: the drill is cleaned up", err=True)
        ctx.exit(128 + interrupted.signum)


class _Narrator:
    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def begins(self, cgroup: str, limit_bytes: int, comm: str, pid: int) -> None:
        if not self._silent:
            click.echo(opening(cgroup, limit_bytes, comm, pid))

    def left_behind(self, why: str) -> None:
        text = f"nodectl: the scratch cgroup could not be removed: {why}; the next drill will"
        click.echo(text, err=True)


class _DrillAgent:
    """What a drill asks of the agent, through the client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def events(self) -> Iterator[node_agent_pb2.WatchEventsResponse]:
        from agent.api.v1 import node_agent_pb2 as wire
        from agent.drill.agent_hops import AgentError

        try:
            yield from self._client.watch(wire.WatchEventsRequest())
        except NodectlError as error:
            raise AgentError(error.message.splitlines()[0]) from error

    def incidents(self, since_wall_ns: int) -> node_agent_pb2.ListOOMIncidentsResponse:
        from agent.api.v1 import node_agent_pb2 as wire
        from agent.drill.agent_hops import AgentError

        request = wire.ListOOMIncidentsRequest()
        request.since.FromNanoseconds(since_wall_ns)
        try:
            return self._client.incidents(request)
        except NodectlError as error:
            raise AgentError(error.message.splitlines()[0]) from error


def opening(cgroup: str, limit_bytes: int, comm: str, pid: int) -> str:
    """What is about to happen."""
    return f"drill    {cgroup}\n         limit {size(limit_bytes)}, no swap; {comm}[{pid}] eats"


def report(found: DrillReport) -> str:
    """The hops in their order, then who saw the kill, then the verdict."""
    eaten = f"killed after eating {size(found.eaten_bytes)} of {size(found.limit_bytes)}"
    rows = [("eater", latency(found.death_ns), f"{found.comm}[{found.pid}] {eaten}")]
    for hop in found.hops:
        took = "MISSED" if hop.latency_ns is None else latency(hop.latency_ns)
        published = hop.published_ns
        at = f", published at {latency(published)}" if published is not None else ""
        rows.append((hop.name, took, escape(hop.what) + at))
        if hop.check:
            rows.append(("", "", f"check: {hop.check}"))
    lines = ["", "HOP          AFTER  SAW"]
    for name, took, what in rows:
        lines += wrapped(f"{name:<8}{took:>10}  ", what)
    lines += ["", *_incident_lines(found), *_verdict(found)]
    return "\n".join(line.rstrip() for line in lines)


def _incident_lines(found: DrillReport) -> list[str]:
    if found.incident is None:
        return []
    seen = " · ".join(_word(name, "WITNESS_") for name in found.incident.witnesses) or "nobody"
    by = _word(found.incident.attribution, "ATTRIBUTION_")
    sure = _word(found.incident.confidence, "CONFIDENCE_")
    return [f"seen by  {seen}; its cgroup known by {by}; confidence {sure}"]


def _word(name: str, prefix: str) -> str:
    word = name.removeprefix(prefix).lower().replace("_", " ")
    return {"memory events": "memory.events", "unspecified": "nothing"}.get(word, word)


def _verdict(found: DrillReport) -> list[str]:
    lines = [f"swept    {path}, left by a killed drill" for path in found.leftovers_removed]
    missed = [hop.name for hop in found.hops if hop.latency_ns is None]
    if missed:
        return [*lines, f"FAILED   the kill was not seen by: {', '.join(missed)}"]
    return [*lines, f"passed   all {len(found.hops)} hops saw the kill"]
