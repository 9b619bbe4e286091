"""The peer of a scrape, built where there is Go: tests/bench/exporter, with client_golang."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "exporter"
BUILD_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`words` is what it is made of, or why there is none."""

    words: str
    program: bytes = b""


def built() -> Peer:
    """A static program. Without Go, or without the modules, there is no peer: that is said."""
    go = shutil.which("go")
    if go is None:
        return Peer(words="none: there is no Go here (apt-get install golang-go)")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "exporter"
        try:
            version = subprocess.run([go, "env", "GOVERSION"], check=True, stdout=subprocess.PIPE)
            subprocess.run(
                [go, "build", "-trimpath", "-ldflags=-s -w", "-o", program, "."],
                cwd=SOURCE,
                env=environment,
                check=True,
                stderr=subprocess.PIPE,
                timeout=BUILD_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
            return Peer(words=f"none: go build failed: {said[-1] if said else error}")
        except subprocess.TimeoutExpired:
            return Peer(words=f"none: go build took more than {BUILD_SECONDS:.0f} s")
        words = f"client_golang {client_golang()}, {version.stdout.decode().strip()}"
        return Peer(words=words, program=program.read_bytes())


def client_golang() -> str:
    """The version that go.mod names."""
    found = re.search(r"client_golang (v\S+)", (SOURCE / "go.mod").read_text())
    assert found is not None
    return found[1]
