"""`nodectl net`."""

from __future__ import annotations

import time

import click

from agent.nodectl.exits import Exit
from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("net")
@click.argument("pod", default="")
@of_namespaces
@click.option("--broken", is_flag=True, help="Only pods with a broken step.")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context, pod: str, namespace: str, broken: bool) -> None:
    """The network path of each pod, the broken ones first; with POD, its six steps in full.

    POD is a name, NAMESPACE/NAME or a UID. The steps: its namespace; its interface and the host's
    end of that; what joins it to the node (a bridge, a host route, BPF); its address; its routes;
    and NAT, where the CNI's configuration asks for it.

    Exits with 1 if a step is broken, or if something is left of pods that are gone.
    """
    if "/" in pod:
        namespace, _, pod = pod.partition("/")
    settings: Settings = ctx.obj
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        answer = client.networks(
            wire.ListPodNetworksRequest(namespace=namespace, pod=pod, broken=broken)
        )
    from agent.nodectl.show.net import found, one, table

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    elif pod:
        click.echo(one(answer, time.time_ns()))
    else:
        click.echo(table(answer, time.time_ns(), wide=settings.output == "wide"))
    if found(answer, of_node=not pod):
        ctx.exit(Exit.FINDING)
