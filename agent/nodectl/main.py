"""nodectl's command line: the group, its help, and commands, imported only when they run."""

from __future__ import annotations

import importlib
import sys

import click

from agent import __version__
from agent.nodectl.exits import MEANING, Exit
from agent.nodectl.options import OUTPUTS, Settings, global_options

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 99}
_COMMANDS = {
    "status": ("agent.nodectl.status", "What the agent is, what it sees, and the books."),
    "conditions": ("agent.nodectl.conditions", "What is wrong on this node, the worst first."),
    "explain": ("agent.nodectl.explain", "What a condition means, and what to do."),
    "oom": ("agent.nodectl.oom", "OOM kills on this node, the newest first."),
    "ps": ("agent.nodectl.ps", "Containers, and what they use."),
    "pods": ("agent.nodectl.pods", "Pods, and what they use."),
    "exits": ("agent.nodectl.deaths", "How containers ended, and who ended them."),
    "memory": ("agent.nodectl.memory", "Headroom before evictions, and who eats the memory."),
    "pressure": ("agent.nodectl.pressure", "How long tasks wait for memory, disks and CPUs."),
    "cni": ("agent.nodectl.cni", "CNI calls: who waits for a network, for how long, for what."),
    "net": ("agent.nodectl.net", "The network path of each pod in six steps, and leftovers."),
    "ns": ("agent.nodectl.ns", "Namespaces of containers, and which are the host's."),
    "runtime": ("agent.nodectl.runtime", "Whether the container runtime answers, and if not, why."),
    "pulls": ("agent.nodectl.pulls", "Images that containerd pulls, and what holds one up."),
    "heartbeat": ("agent.nodectl.heartbeat", "Whether the kubelet's heartbeat gets out."),
    "kubelet": ("agent.nodectl.kubelet", "Whether the kubelet lives and answers; if not, why."),
    "cpu": ("agent.nodectl.cpu", "Where the CPUs' time goes, and how many tasks wait for one."),
    "io": ("agent.nodectl.io", "Block devices: how fast they answer, and which do not."),
    "blocked": ("agent.nodectl.blocked", "Tasks in state D: where they wait, and for whose pod."),
    "events": ("agent.nodectl.events", "Replay events, or follow them with -f."),
    "version": ("agent.nodectl.version", "Versions of nodectl and of the agent."),
    "drill": ("agent.nodectl.drill", "Provoke a kill of our own and follow it through every hop."),
}


class _Lazy(click.Group):
    """Knows its commands by name; a help page or one command imports no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), text) for code, text in MEANING.items()])


@click.group(cls=_Lazy, context_settings=_CONTEXT)
@global_options(OUTPUTS)
@click.version_option(__version__, prog_name="nodectl", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """What the kernel knows about this node and the kubelet does not say.

    Asks the agent, nodewitness, over its socket. Needs root or the group nodewitness.
    """
    ctx.ensure_object(Settings)


def main() -> None:
    """The console script."""
    # A name that the terminal's encoding cannot hold is printed escaped, never a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="nodectl", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:  # click's own would be 1, which is a finding
        sys.exit(Exit.INTERRUPTED)
    sys.exit(code if isinstance(code, int) else Exit.OK)


if __name__ == "__main__":
    main()
