"""`nodectl ps` and `nodectl pods`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import as_dict, to_json
from agent.nodectl.watching import show, watch_option

if TYPE_CHECKING:
    from google.protobuf.message import Message

SORTS = ("memory", "cpu", "throttled", "left", "name")


def _filters(command: Any) -> Any:
    for option in (
        click.option(
            "--sort",
            type=click.Choice(SORTS),
            default="memory",
            show_default=True,
            help="The most first: working set, CPU, throttled periods; left: the next to be at its"
            " limit.",
        ),
        click.option("--pod", default="", help="Only of this pod, by name or UID."),
        of_namespaces,
    ):
        command = option(command)
    return command


@click.command("ps")
@_filters
@click.option("--sandboxes", is_flag=True, help="The pods' sandboxes too.")
@click.option("--services", is_flag=True, help="Services of the node too: kubelet, containerd.")
@watch_option
@global_options(OUTPUTS)
@click.pass_obj
def command(
    settings: Settings,
    namespace: str,
    pod: str,
    sort: str,
    sandboxes: bool,
    services: bool,
    watch: bool,
) -> None:
    """Containers that are there, and what they use.

    MEMORY is the working set as the kubelet computes it, LEFT the time until it is the LIMIT, told
    only where a straight line fits. THROTTLED: of the periods in which it had something to run,
    those in which its CPU quota ran out.
    """
    if services and (namespace or pod):
        raise click.UsageError("services are of no pod: --services goes without -n and --pod")
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.ListContainersRequest(
            namespace=namespace,
            pod=pod,
            sandboxes=sandboxes,
            services=services,
        )

        def ask() -> str:
            answer = client.containers(request)
            from agent.nodectl.show import usage

            usage.sort(answer.containers, sort)
            return _printed(
                settings,
                answer,
                lambda wide: usage.containers(answer, time.time_ns(), wide=wide),
                watch=watch,
            )

        show(ask, watch=watch)


@click.command("pods")
@_filters
@watch_option
@global_options(OUTPUTS)
@click.pass_obj
def pods(settings: Settings, namespace: str, pod: str, sort: str, watch: bool) -> None:
    """Pods that are there, and what they use, with their sandboxes.

    RUNNING: containers with a live process, of those that are there.
    """
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.ListPodsRequest(namespace=namespace, pod=pod)

        def ask() -> str:
            answer = client.pods(request)
            from agent.nodectl.show import usage

            usage.sort(answer.pods, sort)
            return _printed(
                settings,
                answer,
                lambda wide: usage.pods(answer, time.time_ns(), wide=wide),
                watch=watch,
            )

        show(ask, watch=watch)


def _printed(
    settings: Settings, answer: Message, table: Callable[[bool], str], *, watch: bool
) -> str:
    if settings.output == "json":
        return to_json(answer, one_line=watch)
    if settings.output == "yaml":
        from agent.nodectl.yaml import to_yaml

        return ("---\n" if watch else "") + to_yaml(as_dict(answer)).rstrip("\n")
    return table(settings.output == "wide")
