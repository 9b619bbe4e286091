"""`nodectl runtime`."""

from __future__ import annotations

import time

import click

from agent.nodectl.exits import Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("runtime")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """The container runtime's ladder: socket, connect, Version, Status, ListPodSandbox.

    A rung is asked once all before it have answered, and one question at a time is open; "silent"
    is one whose deadline has passed. The queues of its socket come from the kernel: connections
    that it does not accept, and bytes that it does not read.

    Exits with 1 if a rung fails, or its process is stopped.
    """
    settings: Settings = ctx.obj
    with settings.client() as client:
        answer = client.runtime()
    from agent.nodectl.show.runtime import broken, report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        wide = settings.output == "wide"
        click.echo(report(answer.runtime, time.time_ns(), wide=wide))
    if broken(answer.runtime):
        ctx.exit(Exit.FINDING)
