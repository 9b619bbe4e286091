"""`nodectl version`."""

from __future__ import annotations

import json

import click

from agent import __version__
from agent.nodectl.exits import NodectlError
from agent.nodectl.options import Settings, global_options
from agent.nodectl.printing import print_yaml
from agent.nodectl.show.words import escape


@click.command("version")
@global_options()
@click.pass_obj
def command(settings: Settings) -> None:
    """Versions of nodectl and of the agent. Without an agent it says its own and exits 3."""
    failed: NodectlError | None = None
    agent = None
    try:
        with settings.client() as client:
            agent = client.status().status.identity.version
    except NodectlError as error:
        failed = error
    versions = {"nodectl": __version__, "agent": agent}
    if settings.output == "json":
        click.echo(json.dumps(versions))
    elif settings.output == "yaml":
        print_yaml(versions)
    else:
        click.echo(f"nodectl  {__version__}")
        click.echo(f"agent    {escape(agent) if agent is not None else '?'}")
    if failed is not None:
        raise failed
