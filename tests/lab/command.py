"""Commands of the host that the build runs: no stdin, no questions, output only when they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandError(RuntimeError):
    """A command of the host failed; the message has the end of its output."""


def command(
    argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command, return its stdout. Raises CommandError with the tail of its output."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(env or {})}
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        words = " ".join(str(word) for word in argv)
        raise CommandError(f"exit code {done.returncode} from: {words}\n{tail}")
    return done.stdout
