"""`nodectl io`."""

from __future__ import annotations

import click

from agent.nodectl.exits import Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("io")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Block devices: how fast they answer, what they lie on, who uses them, which do not answer.

    READ, WRITE and FLUSH are the mean latency of the requests that ended in the last ten seconds.
    A device is STALLED if it has requests in flight and has ended none for disks.stalled_after, or
    if device-mapper holds all requests back. What the kernel's log says of failing disks and file
    systems stands below, the newest first.

    Exits with 1 if a device is stalled.
    """
    settings: Settings = ctx.obj
    with settings.client() as client:
        answer = client.devices()
    from agent.nodectl.show.io import devices

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(devices(answer.io, wide=settings.output == "wide"))
    if any(disk.stalled for disk in answer.io.disks):
        ctx.exit(Exit.FINDING)
