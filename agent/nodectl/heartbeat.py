"""`nodectl heartbeat`."""

from __future__ import annotations

import click

from agent.nodectl.exits import Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("heartbeat")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """The kubelet's connections to the API server; on a control plane, whom the API server dials.

    All of it is the kernel's word on their TCP sockets. FOR is how long a connection has been in
    trouble, at least; ANSWER is when data last came back on it. Connections of the API server that
    are well are in -o wide alone.

    Exits with 1 if a connection is stalled, or an address has been dialled in vain for too long.
    """
    settings: Settings = ctx.obj
    with settings.client() as client:
        answer = client.heartbeat()
    from agent.nodectl.show.heartbeat import failing, report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(report(answer.heartbeat, wide=settings.output == "wide"))
    if failing(answer.heartbeat):
        ctx.exit(Exit.FINDING)
