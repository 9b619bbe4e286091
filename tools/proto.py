"""The generated stubs of the APIs: proto/**/*.proto to agent/**/*_pb2.py and their types.

    python tools/proto.py write     generate into the tree
    python tools/proto.py check     fail when what is checked in is not what would be generated

A file below proto/ has the path of its Python package, so the generated imports work as they are
written. The messages get their types from protoc, the services from mypy-protobuf. A file that
declares no service gets no _pb2_grpc module.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")
SERVICE = re.compile(r"^service\s+\w+", re.MULTILINE)


def generate(into: Path) -> None:
    """Compile every .proto into the directory; `CalledProcessError` when protoc refuses one."""
    sources = sorted((ROOT / "proto").rglob("*.proto"))
    for with_service in (False, True):
        chosen = [s for s in sources if bool(SERVICE.search(s.read_text())) == with_service]
        outputs = ["--python_out", "--pyi_out"]
        if with_service:
            outputs += ["--grpc_python_out", "--mypy_grpc_out"]
        if chosen:
            compile_with(outputs, chosen, into)


def compile_with(outputs: list[str], sources: list[Path], into: Path) -> None:
    plugin = Path(sys.executable).parent / "protoc-gen-mypy_grpc"
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *(f"--proto_path={ROOT / 'proto'}", f"--plugin=protoc-gen-mypy_grpc={plugin}"),
            *(f"{output}={'quiet:' if 'mypy' in output else ''}{into}" for output in outputs),
            *(str(source.relative_to(ROOT / "proto")) for source in sources),
        ],
        check=True,
    )


def generated_in(tree: Path) -> dict[str, bytes]:
    """What protoc has written below `tree`/agent: path to content."""
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for pattern in GENERATED
        for path in sorted((tree / "agent").rglob(pattern))
    }


def main(action: str) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        try:
            generate(Path(scratch))
        except subprocess.CalledProcessError:
            print("protoc refused: see above.", file=sys.stderr)
            return 1
        wanted = generated_in(Path(scratch))
    present = generated_in(ROOT)
    stale = sorted(name for name in wanted | present if wanted.get(name) != present.get(name))
    if action == "check":
        for name in stale:
            print(f"{name}: not what proto/ says", file=sys.stderr)
        if stale:
            print("Run `make proto` and commit what it writes.", file=sys.stderr)
            return 1
        print(f"stubs: {len(wanted)} files are what proto/ says")
        return 0
    for name in stale:
        path = ROOT / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[name])
        print(f"  {name}")
    for package in {directory for name in wanted for directory in Path(name).parents[:-2]}:
        (ROOT / package / "__init__.py").touch()
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
