"""`nodectl cpu`."""

from __future__ import annotations

import click

from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("cpu")
@global_options(OUTPUTS)
@click.pass_obj
def command(settings: Settings) -> None:
    """Where the CPUs' time goes, and how many tasks wait for one.

    Who is throttled by a limit of its own is in `nodectl ps`; that is another matter.
    """
    with settings.client() as client:
        answer = client.cpu()
    from agent.nodectl.show.cpu import report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(report(answer.cpu))
