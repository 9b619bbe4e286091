"""`nodectl pulls`."""

from __future__ import annotations

import click

from agent.nodectl.exits import Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("pulls")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Blobs of images that containerd downloads, writes out or unpacks now, and the last ones.

    STILL is how long one has made no progress; a blob is written in pieces of 1Mi. Below are the
    registry's connection and the disk, as the kernel has them. An image's name is not known to the
    kernel: `crictl images --digests` and the registry tell whose a layer is.

    Exits with 1 if one is stalled.
    """
    settings: Settings = ctx.obj
    with settings.client() as client:
        answer = client.pulls()
    from agent.nodectl.show.pulls import report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(report(answer.pulls, wide=settings.output == "wide"))
    if any(pull.stalled for pull in answer.pulls.pulls):
        ctx.exit(Exit.FINDING)
