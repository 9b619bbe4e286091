"""`nodectl status`."""

from __future__ import annotations

import time

import click

from agent.nodectl.exits import Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("status")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """What the agent is, what it sees, and the books.

    Exits 1 if a critical condition is True, or if the agent cannot do its work: a required source
    is blind, or the books do not balance.
    """
    settings = ctx.ensure_object(Settings)
    with settings.client() as client:
        answer = client.status()
        conditions = client.conditions_with(answer.status)
    from agent.nodectl.show.status import report, troubles

    now_ns = time.time_ns()
    if settings.output in ("json", "yaml"):
        print_message(answer.status, settings.output)
    else:
        wide = settings.output == "wide"
        click.echo(report(answer.status, now_ns, conditions, wide=wide))
    blind = any(trouble.critical for trouble in troubles(answer.status, now_ns))
    if blind or answer.status.conditions.critical:
        ctx.exit(Exit.FINDING)
