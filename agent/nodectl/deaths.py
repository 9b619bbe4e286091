"""`nodectl exits`. (agent.nodectl.exits is nodectl's own exit codes.)"""

from __future__ import annotations

import time

import click

from agent.model.exits import Verdict
from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, Since, global_options, since_of
from agent.nodectl.printing import as_dict, terminal_columns, to_json
from agent.nodectl.show.words import escape
from agent.nodectl.watching import show, watch_option

SORTS = ("time", "name", "verdict")


@click.command("exits")
@of_namespaces
@click.option("--pod", default="", help="Only this pod, by name or UID.")
@click.option("--container", default="", help="Only this container, by name or id.")
@click.option(
    "--verdict",
    "verdicts",
    type=click.Choice([verdict.value for verdict in Verdict]),
    multiple=True,
    help="Only this verdict; can be given more than once.",
)
@click.option(
    "--since",
    type=since_of,
    metavar="WHEN",
    help="Only since then: a duration (10m) or a time (2026-11-22T03:00:00Z).",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="At most so many, of the newest.",
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default="time",
    show_default=True,
    help="time: the newest first; name: by namespace, pod and container; verdict: those of one"
    " verdict together. In each the newest first.",
)
@watch_option
@global_options(OUTPUTS)
@click.pass_obj
def command(
    settings: Settings,
    namespace: str,
    pod: str,
    container: str,
    verdicts: tuple[str, ...],
    since: Since | None,
    limit: int,
    sort: str,
    watch: bool,
) -> None:
    """How containers on this node ended, the newest first.

    VERDICT is why: which limit fired, who killed or stopped it, whether it crashed or exited by
    itself. SENDER is who sent the signal that counted. "?" is what no evidence tells. What the OOM
    killer took from containers that live on is under `nodectl oom`.
    """
    with settings.client() as client:
        from agent.api.exits import VERDICT
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.ListExitsRequest(
            namespace=namespace,
            pod=pod,
            container=container,
            verdicts=[VERDICT.to_wire(Verdict(verdict)) for verdict in verdicts],
            limit=limit,
        )
        asked = searched(namespace, pod, container, verdicts, since)

        def ask() -> str:
            now_ns = time.time_ns()
            if since is not None:
                request.since.FromNanoseconds(since.nanoseconds(now_ns))
            answer = client.exits(request)
            from agent.nodectl.show import deaths

            deaths.sort(answer.exits, sort)
            if settings.output == "json":
                return to_json(answer, one_line=watch)
            if settings.output == "yaml":
                from agent.nodectl.yaml import to_yaml

                return ("---\n" if watch else "") + to_yaml(as_dict(answer)).rstrip("\n")
            wide = settings.output == "wide"
            return deaths.report(answer, now_ns, asked, wide=wide, columns=terminal_columns())

        show(ask, watch=watch)


def searched(
    namespace: str, pod: str, container: str, verdicts: tuple[str, ...], since: Since | None
) -> str:
    """The filters in words, to follow "No container ended"."""
    words = ""
    if verdicts:
        words += f" with verdict {' or '.join(verdicts)}"
    if container:
        words += f" named {escape(container)}"
    if pod:
        words += f" in pod {escape(pod)}"
    if namespace:
        words += f" in namespace {escape(namespace)}"
    if since is not None:
        words += (
            f" since {since.text}" if since.wall_ns is not None else f" in the last {since.text}"
        )
    return words or " on this node, as far as is known"
