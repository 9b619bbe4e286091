"""`nodectl ns`."""

from __future__ import annotations

import time

import click

from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("ns")
@click.argument("pod", default="")
@of_namespaces
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context, pod: str, namespace: str) -> None:
    """Namespaces of containers: which are the host's, which are shared within the pod.

    POD is a name, NAMESPACE/NAME or a UID. Then the network namespaces that have names in
    /run/netns, and processes in namespaces that are neither the host's nor a known container's.
    """
    if "/" in pod:
        namespace, _, pod = pod.partition("/")
    settings: Settings = ctx.obj
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        answer = client.namespaces(wire.ListNamespacesRequest(namespace=namespace, pod=pod))
    from agent.nodectl.show.ns import report

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(report(answer, time.time_ns(), wide=settings.output == "wide"))
