"""`nodectl oom`."""

from __future__ import annotations

import time

import click

from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, Since, global_options, since_of
from agent.nodectl.printing import print_message, terminal_columns
from agent.nodectl.show.words import escape


@click.command("oom")
@of_namespaces
@click.option("--pod", default="", help="Only this pod, by name or UID.")
@click.option(
    "--since",
    type=since_of,
    metavar="WHEN",
    help="Only since then: a duration (10m) or a time (2026-11-22T03:00:00Z).",
)
@click.option("--hidden", is_flag=True, help="Only kills that the kubelet does not report.")
@click.option(
    "--disagreements", is_flag=True, help="Only kills of which the runtime says otherwise."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="At most so many.",
)
@click.option("--no-drills", is_flag=True, help="Leave out what `nodectl drill` caused.")
@global_options(OUTPUTS)
@click.pass_obj
def command(
    settings: Settings,
    namespace: str,
    pod: str,
    since: Since | None,
    hidden: bool,
    disagreements: bool,
    limit: int,
    no_drills: bool,
) -> None:
    """OOM kills on this node, the newest first.

    HIDDEN says yes where a process was killed and its container lives on: then the kubelet reports
    nothing. VICTIM is the first process killed, +n for the rest of its group; RSS is what they
    held together. LIMIT is whose limit the kernel enforced. "?" is what no evidence tells.
    """
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        request = wire.ListOOMIncidentsRequest(
            namespace=namespace,
            pod=pod,
            hidden=hidden,
            disagreements=disagreements,
            limit=limit,
            exclude_drills=no_drills,
        )
        now_ns = time.time_ns()
        if since is not None:
            request.since.FromNanoseconds(since.nanoseconds(now_ns))
        answer = client.incidents(request)
    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
        return
    from agent.nodectl.show.oom import report

    asked = searched(namespace, pod, since, hidden, disagreements, no_drills)
    wide = settings.output == "wide"
    click.echo(report(answer, now_ns, asked, wide=wide, columns=terminal_columns()))


def searched(
    namespace: str,
    pod: str,
    since: Since | None,
    hidden: bool,
    disagreements: bool,
    no_drills: bool,
) -> str:
    """The filters in words, to follow "No OOM kills"."""
    words = ""
    if hidden:
        words += " that the kubelet hides"
    if disagreements:
        words += " of which the runtime says otherwise"
    if pod:
        words += f" in pod {escape(pod)}"
    if namespace:
        words += f" in namespace {escape(namespace)}"
    if since is not None:
        words += (
            f" since {since.text}" if since.wall_ns is not None else f" in the last {since.text}"
        )
    if no_drills:
        words += ", drills aside"
    return words or " on this node"
