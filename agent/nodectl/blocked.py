"""`nodectl blocked`."""

from __future__ import annotations

import click

from agent.nodectl.exits import Exit
from agent.nodectl.namespaces import of_namespaces
from agent.nodectl.options import OUTPUTS, Settings, global_options
from agent.nodectl.printing import print_message


@click.command("blocked")
@of_namespaces
@click.option("--pod", default="", help="Only this pod, by name or UID.")
@global_options(OUTPUTS)
@click.pass_context
def command(ctx: click.Context, namespace: str, pod: str) -> None:
    """Tasks in state D, which no signal reaches: where they wait, for how long, and for whose pod.

    FOR is how long a task is known not to have run: it has not left a CPU since. Kernel stacks are
    read of the first few that wait for longer than disks.blocked_after. What the kernel's log says
    of tasks and CPUs that hang stands below; it stops after ten tasks (kernel.hung_task_warnings).

    Exits with 1 if a task waits for longer than that, the kernel's own threads aside.
    """
    settings: Settings = ctx.obj
    with settings.client() as client:
        from agent.api.v1 import node_agent_pb2 as wire

        answer = client.blocked(wire.ListBlockedTasksRequest(namespace=namespace, pod=pod))
    from agent.nodectl.show.io import stuck, tasks

    if settings.output in ("json", "yaml"):
        print_message(answer, settings.output)
    else:
        click.echo(tasks(answer.blocked, wide=settings.output == "wide"))
    if stuck(answer.blocked):
        ctx.exit(Exit.FINDING)
