"""nodewitness: the daemon's command line. assemble.py builds the agent, daemon.py runs it."""

from __future__ import annotations

import gc
import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from agent import __version__
from agent.config import DEFAULT_PATH, ConfigError, Settings, describe, load, render

# A fork beside a running grpc.aio server kills the child (measured, pyroute2 forks for netns=);
# grpc reads this when it is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# Else its core writes a line of its own for each handshake that fails: any port scanner's.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

EXIT_FAILED = 1
EXIT_USAGE = 2


def _settings(config: Path | None, overrides: tuple[str, ...]) -> Settings:
    """Load the settings, or leave with every mistake in them."""
    pairs: dict[str, str] = {}
    for item in overrides:
        key, sign, value = item.partition("=")
        if not sign:
            raise click.UsageError(f"--set takes KEY=VALUE, got {item!r}")
        pairs[key] = value
    try:
        return load(config, os.environ, pairs)
    except ConfigError as error:
        _refuse([str(problem) for problem in error.problems])


def _refuse(problems: Sequence[str]) -> NoReturn:
    for problem in problems:
        click.echo(problem, err=True)
    count = len(problems)
    click.echo(f"{count} mistake{'s' if count > 1 else ''} in the configuration", err=True)
    sys.exit(EXIT_USAGE)


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"The TOML file; without it, {DEFAULT_PATH} if that exists.",
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="One setting, over file and environment, e.g. serve.socket=/run/x.sock; repeatable.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nodewitness")
def main() -> None:
    """The per-node agent that states, with evidence from the kernel, what the kubelet hides."""


@main.command()
@config_option
@set_option
def run(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Run the agent in the foreground."""
    settings = _settings(config, overrides)
    # What is imported stays: to look through it for garbage is a tenth of the start, and again of
    # each full collection later.
    gc.disable()
    from agent.daemon import run_agent
    from agent.engine.refusal import Refusal

    gc.freeze()
    gc.enable()
    try:
        run_agent(settings)
    except Refusal as refusal:
        click.echo(f"nodewitness: {refusal}", err=True)
        sys.exit(EXIT_FAILED)


@main.group(name="config")
def config_group() -> None:
    """Check the configuration and show what it may hold."""


@config_group.command()
@config_option
@set_option
def check(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Say every mistake at once, or print the settings in force; exit code 2 on mistakes.

    The files of TLS are read too, so run it where the agent runs.
    """
    settings = _settings(config, overrides)
    from agent.serve.certificates import check_files

    problems = check_files(settings, time.time())
    if problems:
        _refuse(problems)
    click.echo(render(settings), nl=False)


@config_group.command()
def keys() -> None:
    """Every key with its type, default and meaning."""
    for key in describe():
        click.echo(f"{key.name} ({key.kind.expected}, default {key.default})")
        click.echo(f"    {key.meaning}; {key.environment}")


def _host_directory(_: click.Context, __: click.Parameter, path: Path) -> Path:
    """Not click's `exists`: to it, what may not be looked at does not exist."""
    try:
        directory = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        directory = False
    except OSError:  # the command says it, and the agent is to start all the same
        return path
    if not directory:
        raise click.BadParameter(f"{path} is not a directory.")
    return path


@main.command()
@click.option(
    "--host",
    type=click.Path(path_type=Path),
    callback=_host_directory,
    required=True,
    help="The host's root directory.",
)
def install(host: Path) -> None:
    """Put nodectl on the host: the image's tree into /opt/nodewitness, and a link into the PATH.

    What the host does not take is said, and is no failure.
    """
    from agent import install as installation
    from agent.engine.refusal import Refusal

    try:
        for line in installation.install(host):
            click.echo(line)
    except Refusal as refusal:
        click.echo(f"nodewitness: {refusal}", err=True)
        sys.exit(EXIT_FAILED)


@main.command()
@config_option
@set_option
@click.option("--state", is_flag=True, help="Remove the state directory too: the journal.")
@click.option(
    "--host",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The host's root directory: remove what `install` has put there too.",
)
def uninstall(
    config: Path | None, overrides: tuple[str, ...], *, state: bool, host: Path | None
) -> None:
    """Remove what agents and drills leave on this host; stop the agent first.

    Trace instances, probes, scratch cgroups and the socket; with --state the journal too.
    """
    settings = _settings(config, overrides)
    from agent import install as installation
    from agent import uninstall as removal
    from agent.engine.refusal import Refusal

    try:
        for line in removal.uninstall(settings, with_state=state):
            click.echo(line)
        if host is not None:
            for line in installation.uninstall_tree(host):
                click.echo(line)
    except Refusal as refusal:
        click.echo(f"nodewitness: {refusal}", err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
