"""Where the container runtime listens: as configured, or at CRI-O's path, found by itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

OTHERS = (Path("/run/crio/crio.sock"),)


class RuntimeSocket:
    """The first of these paths that is there. `path` looks again each time."""

    def __init__(self, configured: Path, others: Iterable[Path] = OTHERS) -> None:
        self.configured = configured
        self._others = tuple(others)

    @property
    def path(self) -> Path:
        """The configured one if none is there."""
        if self.configured.exists():
            return self.configured
        return next((path for path in self._others if path.exists()), self.configured)
