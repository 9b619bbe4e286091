"""Artefacts, cached by the content of what they are made from.

An artefact is a directory `<name>-<key>`, the key a hash of its inputs. It is made under another
name and renamed when it is whole, so an interrupted build leaves nothing that looks finished.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LAB = Path(__file__).resolve().parent
UNUSED_SECONDS = 14 * 24 * 3600.0


def cache_root() -> Path:
    """$NODEWITNESS_CACHE/lab, else .cache/lab in the clone. Made if missing."""
    base = os.environ.get("NODEWITNESS_CACHE")
    root = (Path(base).resolve() if base else PROJECT / ".cache") / "lab"
    root.mkdir(parents=True, exist_ok=True)
    return root


def content_key(inputs: Iterable[str | Path]) -> str:
    """A hash of the inputs in order: strings, files (name, content, mode), trees of files."""
    digest = hashlib.sha256()
    for entry in inputs:
        if isinstance(entry, str):
            digest.update(f"text {len(entry)}\n{entry}".encode())
            continue
        files = sorted(p for p in entry.rglob("*") if p.is_file()) if entry.is_dir() else [entry]
        for file in files:
            if "__pycache__" in file.parts:
                continue
            data = file.read_bytes()
            executable = os.access(file, os.X_OK)
            name = file.relative_to(entry) if entry.is_dir() else file.name
            digest.update(f"file {name} {executable} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


def artefact(
    name: str, inputs: Iterable[str | Path], make: Callable[[Path], None]
) -> tuple[Path, bool]:
    """The directory of an artefact, and whether it had to be made now by `make(directory)`.

    Two processes that want the same artefact make it once: the second one waits for the first.
    """
    root = cache_root()
    target = root / f"{name}-{content_key(inputs)}"
    with _locked(root / f"{name}.lock"):
        if target.is_dir():
            os.utime(target)
            return target, False
        for stale in root.glob(f"{name}.tmp-*"):
            shutil.rmtree(stale)
        scratch = root / f"{name}.tmp-{os.getpid()}"
        scratch.mkdir()
        try:
            make(scratch)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _prune(root, name, keep=target)
    return target, True


def _prune(root: Path, name: str, keep: Path) -> None:
    for old in root.glob(f"{name}-????????????????"):
        if old != keep and time.time() - old.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(old)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
