"""Commands that the build runs: no questions, output only when they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class BuildError(RuntimeError):
    """The image cannot be built; the message says what to do."""


def command(
    argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command, return its stdout. Raises BuildError with the end of its output."""
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        words = " ".join(str(word) for word in argv)
        raise BuildError(f"exit code {done.returncode} from: {words}\n{tail}")
    return done.stdout
