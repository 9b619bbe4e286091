"""`nodectl memory`."""

from __future__ import annotations

import time

import click

from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.watching import show, watch_option


@click.command("memory")
@click.option(
    "--eaters",
    type=click.IntRange(1, 20),
    default=10,
    show_default=True,
    help="At most so many of those that grow.",
)
@watch_option
@global_options(OUTPUTS)
@click.pass_obj
def command(settings: Settings, eaters: int, watch: bool) -> None:
    """Headroom to each of the kubelet's eviction thresholds, and who eats the memory.

    AVAILABLE is computed as the kubelet does it. LEFT is what lies between it and the threshold;
    negative: the threshold is crossed. TIME LEFT, to the threshold or to nothing if there is none,
    is told only where a straight line fits.
    """
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.GetMemoryRequest(eaters=eaters)

        def ask() -> str:
            answer = client.memory(request)
            if settings.output == "json":
                from agent.nodectl.printing import to_json

                return to_json(answer.memory, one_line=watch)
            if settings.output == "yaml":
                from agent.nodectl.printing import as_dict
                from agent.nodectl.yaml import to_yaml

                return ("---\n" if watch else "") + to_yaml(as_dict(answer.memory)).rstrip("\n")
            from agent.nodectl.show.memory import report

            return report(answer.memory, time.time_ns(), wide=settings.output == "wide")

        show(ask, watch=watch)
