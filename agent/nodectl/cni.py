"""`nodectl cni`."""

from __future__ import annotations

import time

import click

from agent.model.cni import CallState
from agent.nodectl.exits import Exit
from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("cni")
@of_namespaces
@click.option("--pod", default="", help="Only this pod, by name or UID.")
@click.option(
    "--command",
    "commands",
    metavar="COMMAND",
    multiple=True,
    help="Only this command (ADD, DEL, ...); can be given more than once.",
)
@click.option(
    "--state",
    "states",
    type=click.Choice([state.value for state in CallState]),
    multiple=True,
    help="Only calls in this state; can be given more than once.",
)
@click.option(
    "--running", is_flag=True, help="Only calls in flight: running, slow and stalled ones."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@global_options(OUTPUTS)
@click.pass_context
def command(
    ctx: click.Context,
    namespace: str,
    pod: str,
    commands: tuple[str, ...],
    states: tuple[str, ...],
    running: bool,
    limit: int,
) -> None:
    """Calls of CNI plugins: those in flight, then those that ended, the newest first.

    A delegate (host-local under bridge) stands below the plugin that executed it. "waits" is where
    a call in flight is: the state of its task, the kernel's function that it sleeps in, and the
    file lock that it waits for, with who holds it.

    Exits with 1 if the network is wedged, or no configuration can be loaded.
    """
    if running and states:
        raise click.UsageError("--running or --state, not both")
    if running:
        states = tuple(s.value for s in (CallState.RUNNING, CallState.SLOW, CallState.STALLED))
    settings: Settings = ctx.obj
    with settings.client() as client:
        from agent.api.cni import CALL_STATE
        from agent.api.v1 import node_agent_pb2 as wire

        answer = client.cni(
            wire.ListCNICallsRequest(
                namespace=namespace,
                pod=pod,
                commands=[name.upper() for name in commands],
                states=[CALL_STATE.to_wire(CallState(state)) for state in states],
                limit=limit,
            )
        )
    from agent.nodectl.show.cni import broken, report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(report(answer, time.time_ns(), wide=settings.output == "wide"))
    if broken(answer.cni):
        ctx.exit(Exit.FINDING)
