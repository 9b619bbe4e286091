"""`nodectl exits`. (agent.nodectl.exits is nodectl's own exit codes.)"""

from __future__ import annotations

import time

import click

from agent.model.exits import Verdict
from agent.nodectl.options import OUTPUTS, Settings, Since, global_options, since_of
from agent.nodectl.printing import print_message, terminal_columns
from agent.nodectl.show.words import escape


@click.command("exits")
@click.option("-n", "--namespace", default="", help="Only this Kubernetes namespace.")
@click.option(
    "-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces, as without -n."
)
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
    help="At most so many.",
)
@global_options(OUTPUTS)
@click.pass_obj
def command(
    settings: Settings,
    namespace: str,
    everywhere: bool,
    pod: str,
    container: str,
    verdicts: tuple[str, ...],
    since: Since | None,
    limit: int,
) -> None:
    """How containers on this node ended, the newest first.

    VERDICT is why: which limit fired, who killed or stopped it, whether it crashed or exited by
    itself. SENDER is who sent the signal that counted. "?" is what no evidence tells.
    """
    if everywhere and namespace:
        raise click.UsageError("-A or -n, not both")
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
        now_ns = time.time_ns()
        if since is not None:
            request.since.FromNanoseconds(since.nanoseconds(now_ns))
        answer = client.exits(request)
    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
        return
    from agent.nodectl.show.deaths import report

    asked = searched(namespace, pod, container, verdicts, since)
    wide = settings.output == "wide"
    click.echo(report(answer, now_ns, asked, wide=wide, columns=terminal_columns()))


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
