"""`nodectl kubelet`."""

from __future__ import annotations

import time

import click

from agent.nodectl.exits import Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("kubelet")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """The kubelet: its process, its healthz, its configuration.

    Healthz is asked on loopback, one question at a time; "silent" is one whose deadline has passed.
    It says that the kubelet's loop turns, not that pods can start: `nodectl runtime` does.

    Exits with 1 if its process is gone or stopped, or healthz fails or is silent.
    """
    settings: Settings = ctx.obj
    with settings.client() as client:
        answer = client.kubelet()
    from agent.nodectl.show.kubelet import report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(report(answer.kubelet, time.time_ns()))
    if answer.kubelet.failing:
        ctx.exit(Exit.FINDING)
