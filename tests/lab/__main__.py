"""python -m tests.lab build | shell | run CMD | down"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.build import build
from tests.lab.command import CommandError
from tests.lab.guest import Guest
from tests.lab.machine import Machine, MachineError, end_left_over
from tests.lab.machines import CGROUPFS, EVERY, Driver, Kernel, MachineConfig
from tests.lab.node import Node
from tests.lab.terminal import attach

RUN_SECONDS = 3600.0
WELCOME = """\
You are root on a node with a real kernel and containerd. The clone is at /opt/nodewitness.
  nodewitness run &        start the agent            nodectl status     ask it
  ctr -n k8s.io images ls  what containers can run    work               the load generator
Leave with exit or Ctrl-D; the machine is switched off then.
"""


def main() -> int:
    """The exit code: of the command, or 1 when the lab itself fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="The real-kernel lab.")
    machine = _machine_options()
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("build", parents=[machine], help="make or refresh the cached artefacts")
    make.add_argument("--all", action="store_true", help="of every machine that the tests boot")
    verbs.add_parser("shell", parents=[machine], help="boot a node and get a shell in it")
    run = verbs.add_parser(
        "run", parents=[machine], help="boot a node, run one command in it, power off"
    )
    run.add_argument(
        "command", nargs=argparse.REMAINDER, help="a script, or a program and its words"
    )
    verbs.add_parser("down", help="end what an interrupted session has left behind")
    arguments = parser.parse_args()
    try:
        match arguments.verb:
            case "build":
                for config in EVERY if arguments.all else (_config(arguments),):
                    build(say, config)
                return 0
            case "shell":
                return _shell(_config(arguments))
            case "run":
                if not arguments.command:
                    parser.error("run needs a command")
                return _run(_config(arguments), arguments.command)
            case _:
                end_left_over(say)
                return 0
    except (CommandError, MachineError) as error:
        print(error, file=sys.stderr)
        return 1


def _machine_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--driver",
        choices=[driver.value for driver in Driver],
        default=CGROUPFS.driver.value,
        help="who makes the pods' cgroups; systemd is PID 1 then (default: %(default)s)",
    )
    options.add_argument(
        "--kernel",
        choices=[kernel.value for kernel in Kernel],
        default=CGROUPFS.kernel.value,
        help="default: %(default)s",
    )
    options.add_argument(
        "--memory",
        type=int,
        metavar="MIB",
        default=CGROUPFS.memory_mib,
        help="default: %(default)s",
    )
    return options


def _config(arguments: argparse.Namespace) -> MachineConfig:
    return MachineConfig(
        driver=Driver(arguments.driver),
        kernel=Kernel(arguments.kernel),
        memory_mib=arguments.memory,
    )


def say(line: str) -> None:
    """One line of progress; stderr, for stdout belongs to the guest's command."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _node(config: MachineConfig) -> Iterator[Node]:
    with Machine(build(config=config), config) as machine:
        say("booting ...")
        node = Node(Guest(machine.start()))
        try:
            node.up()
            yield node
        finally:
            node.close()


def _shell(config: MachineConfig) -> int:
    with _node(config) as node:
        say(WELCOME)
        interactive = sys.stdin.isatty()
        argv = ["env", "TERM=linux", "bash", "-l"] if interactive else ["bash"]
        return attach(node.guest.start(argv, pty=interactive))


def _run(config: MachineConfig, words: list[str]) -> int:
    with _node(config) as node:
        command = words[0] if len(words) == 1 else words
        done = node.guest.run(command, seconds=RUN_SECONDS, check=False)
        sys.stdout.write(done.out)
        sys.stderr.write(done.err)
        return done.exit_code if done.exit_code >= 0 else 128 - done.exit_code


if __name__ == "__main__":
    sys.exit(main())
