"""`nodectl conditions`."""

from __future__ import annotations

import time

import click

from agent.model.catalogue import CATALOGUE
from agent.model.condition import Severity, Verity
from agent.nodectl.exits import Exit
from agent.nodectl.explain import entry_of
from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import as_dict, to_json
from agent.nodectl.show.words import escape
from agent.nodectl.watching import show, watch_option


@click.command("conditions")
@click.argument("names", metavar="[CONDITION]...", nargs=-1)
@of_namespaces
@click.option("--pod", default="", help="Only of this pod, by name or UID.")
@click.option(
    "--severity",
    "severities",
    type=click.Choice([severity.value for severity in Severity]),
    multiple=True,
    help="Only of this severity; can be given more than once.",
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([verity.value for verity in Verity]),
    multiple=True,
    help="Only with this status; can be given more than once.",
)
@click.option("--all", "everything", is_flag=True, help="Those that are False too.")
@watch_option
@global_options(OUTPUTS)
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    namespace: str,
    pod: str,
    severities: tuple[str, ...],
    statuses: tuple[str, ...],
    everything: bool,
    watch: bool,
) -> None:
    """What is wrong on this node, the worst first: conditions that are True, then Unknown ones.

    True is bad. Unknown: a source behind the condition is blind, and the message says which.
    `nodectl explain CONDITION` says when it fires and what to do.

    Exits 1 if a condition that is shown is True.
    """
    settings = ctx.ensure_object(Settings)
    types = [entry_of(name).name for name in names]
    with settings.client() as client:
        from agent.api.condition import SEVERITY, VERITY
        from agent.api.v1 import condition_pb2
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.ListConditionsRequest(
            statuses=[VERITY.to_wire(Verity(status)) for status in statuses],
            types=types,
            severities=[SEVERITY.to_wire(Severity(severity)) for severity in severities],
            namespace=namespace,
            pod=pod,
            all=everything,
        )
        asked = _asked(types, namespace, pod, severities, statuses)
        answer = wire.ListConditionsResponse()

        def ask() -> str:
            answer.CopyFrom(client.conditions(request))
            if settings.output == "json":
                return to_json(answer, one_line=watch)
            if settings.output == "yaml":
                from agent.nodectl.yaml import to_yaml

                return ("---\n" if watch else "") + to_yaml(as_dict(answer)).rstrip("\n")
            from agent.nodectl.show.conditions import report

            return report(answer, time.time_ns(), asked, wide=settings.output == "wide")

        show(ask, watch=watch)
    true = condition_pb2.CONDITION_STATUS_TRUE
    if any(condition.status == true for condition in answer.conditions):
        ctx.exit(Exit.FINDING)


def _asked(
    types: list[str],
    namespace: str,
    pod: str,
    severities: tuple[str, ...],
    statuses: tuple[str, ...],
) -> str:
    """The filters in words, to follow "No conditions"."""
    words = ""
    if statuses:
        words += f" that are {' or '.join(statuses)}"
    if severities:
        words += f" of severity {' or '.join(severities)}"
    if types:
        words += f" of type {' or '.join(types)}"
    if pod:
        words += f" of pod {escape(pod)}"
    if namespace:
        words += f" in namespace {escape(namespace)}"
    always = sum(not kind.setting for kind in CATALOGUE)
    return words or f" on this node: none of {always} is True, and none Unknown"
