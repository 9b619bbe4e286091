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
@click.option("--node", is_flag=True, help="The node's own network instead of that of pods.")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context, pod: str, namespace: str, broken: bool, node: bool) -> None:
    """The network path of each pod, the broken ones first; with POD, its six steps in full.

    POD is a name, NAMESPACE/NAME or a UID. The steps: its namespace; its interface and the host's
    end of that; what joins it to the node (a bridge, a host route, BPF); its address; its routes;
    and NAT, where the CNI's configuration asks for it.

    --node: connections that are tracked, packets that are dropped, neighbours, overlay devices,
    routes by protocol, programs that change rules, and how many rules there are.

    Exits with 1 if a step is broken, or if something is left of pods that are gone; with --node if
    something of that is wrong.
    """
    if node:
        if pod or namespace or broken:
            raise click.UsageError("--node is of no pod and of no namespace")
        _node(ctx)
        return
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


def _node(ctx: click.Context) -> None:
    settings: Settings = ctx.obj
    with settings.client() as client:
        answer = client.plumbing()
    from agent.nodectl.show import plumbing

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(plumbing.node(answer.plumbing))
    if plumbing.found(answer.plumbing):
        ctx.exit(Exit.FINDING)
