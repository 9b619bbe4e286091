"""`nodectl pressure`."""

from __future__ import annotations

import time

import click

from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.watching import show, watch_option


@click.command("pressure")
@watch_option
@global_options(OUTPUTS)
@click.pass_obj
def command(settings: Settings, watch: bool) -> None:
    """How long tasks of the node and of kubepods wait for memory, disks and CPUs.

    SOME: percent of the last 10, 60 and 300 seconds in which some task waited; FULL: in which all
    that had work did. The kernel wakes the agent when some task stalls for longer than TRIGGER.
    """
    with settings.client() as client:

        def ask() -> str:
            pressure = client.pressure().pressure
            if settings.output == "json":
                from agent.nodectl.printing import to_json

                return to_json(pressure, one_line=watch)
            if settings.output == "yaml":
                from agent.nodectl.printing import as_dict
                from agent.nodectl.yaml import to_yaml

                return ("---\n" if watch else "") + to_yaml(as_dict(pressure)).rstrip("\n")
            from agent.nodectl.show.pressure import report

            return report(pressure, time.time_ns(), wide=settings.output == "wide")

        show(ask, watch=watch)
