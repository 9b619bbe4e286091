"""The tree of the image: /opt/nodewitness/VERSION, which runs wherever it is at that path.

    bin/      python3.11, which loads what is in lib; nodewitness and nodectl, scripts of it
    lib/      the dynamic loader, the C library and the few others; lib/python3.11; lib/python3
    share/    what it is made of, and the licences of that

The program names the loader by its path, so neither a shell nor anything of the host is needed: the
same tree is the image, what the DaemonSet leaves on its nodes for operators, and what the unit of
systemd runs.
"""

import hashlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from agent import __version__
from agent.install import BUILD, HOME
from tools.image.commands import BuildError, command
from tools.image.debian import Package

ROOT = Path(__file__).resolve().parents[2]
PREFIX = f"{HOME.relative_to('/')}/{__version__}"
PROGRAMS = {"nodewitness": "agent.main", "nodectl": "agent.nodectl.main"}
PACKAGES = "lib/python3/dist-packages"
PYTHON = "python3.11"
LOADER = "ld-linux-x86-64.so.2"

_LIBRARY_DIRECTORIES = (
    "lib64",
    "lib/x86_64-linux-gnu",
    "usr/lib64",
    "usr/lib/x86_64-linux-gnu",
)
# Of the standard library: what nobody imports here, and what would need libraries for it.
_LEFT_OUT = (
    *("__phello__", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3"),
    *("pydoc_data", "test", "tkinter", "turtledemo", "venv", "turtle.py", "sitecustomize.py"),
)
_EXTENSIONS_LEFT_OUT = (
    *("_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr"),
    *("_codecs_tw", "_crypt", "_ctypes_test", "_curses", "_curses_panel", "_dbm", "_lzma"),
    *("_testbuffer", "_testcapi", "_testclinic", "_testimportmultiple", "_testinternalcapi"),
    *("_testmultiphase", "_uuid", "_xxtestfuzz", "audioop", "nis", "ossaudiodev", "readline"),
    *("spwd", "xxlimited", "xxlimited_35"),
)


def make_base(root: Path, packages: Iterable[tuple[Package, Path]], scratch: Path) -> None:
    """Everything below the agent's own code, into an empty root directory. Raises BuildError."""
    tree = root / PREFIX
    debian = scratch / "debian"
    for name in ("bin", "lib", "share/doc"):
        (tree / name).mkdir(parents=True)
    made_of = []
    for package, file in packages:
        command(["dpkg-deb", "-x", file, debian])
        made_of.append(f"{package}\n")
        licence = debian / "usr/share/doc" / package.name / "copyright"
        if licence.is_file():
            shutil.copyfile(licence, tree / "share/doc" / f"{package.name}.copyright")
    (tree / "share/packages").write_text("".join(made_of))
    _standard_library(debian / "usr/lib/python3.11", tree / "lib/python3.11")
    shutil.copy(debian / "usr/bin" / PYTHON, tree / "bin" / PYTHON)
    _wheels(tree / PACKAGES)
    _libraries(debian, tree)
    _compile(tree, "lib/python3.11", PACKAGES)
    (root / "bin").mkdir()
    for name in PROGRAMS:
        (root / "bin" / name).symlink_to(f"../{PREFIX}/bin/{name}")
    for name in ("dev", "proc", "sys", "run/nodewitness", "var/lib/nodewitness"):
        (root / name).mkdir(parents=True)
    (root / "etc/nodewitness").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/nonexistent\n")
    (root / "etc/group").write_text("root:x:0:\n")


def make_agent(root: Path, base: Path) -> None:
    """The agent's own code, for a root directory that is laid over the base."""
    tree = root / PREFIX
    shutil.copytree(
        ROOT / "agent",
        tree / PACKAGES / "agent",
        ignore=shutil.ignore_patterns("__pycache__", "*.pyi", "*.proto"),
    )
    _compile(tree, PACKAGES, interpreter=base / PREFIX)
    (tree / "bin").mkdir()
    for name, module in PROGRAMS.items():
        script = tree / "bin" / name
        # -I: neither the caller's directory nor its environment decides what is imported.
        script.write_text(f"#!/{PREFIX}/bin/{PYTHON} -I\nfrom {module} import main\n\nmain()\n")
        script.chmod(0o755)
    (tree / "share").mkdir()
    (tree / BUILD).write_text(f"{_build_of(tree, base / PREFIX)}\n")
    shutil.copyfile(ROOT / "LICENSE", tree / "LICENSE")
    _try(tree, base / PREFIX)


def _build_of(*trees: Path) -> str:
    """A hash of what they hold."""
    digest = hashlib.sha256()
    for tree in trees:
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(tree)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def run_in(tree: Path, arguments: Iterable[str | Path], cwd: Path | None = None) -> str:
    """Run the tree's own Python where it is now, whatever that path is."""
    library = tree / "lib"
    return command(
        [library / LOADER, "--library-path", library, tree / "bin" / PYTHON, "-I", *arguments],
        cwd=cwd,
        env={"PYTHONHASHSEED": "0"},
    )


def _standard_library(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", *_LEFT_OUT))
    for name in _EXTENSIONS_LEFT_OUT:
        for extension in (target / "lib-dynload").glob(f"{name}.*.so"):
            extension.unlink()


def _wheels(target: Path) -> None:
    """The wheels of requirements.lock, hashes checked, for the image's Python, whatever ours is."""
    command(
        [
            *(sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"),
            *("install", "--no-deps", "--no-build-isolation", "--use-pep517", "--no-compile"),
            *("--require-hashes", "--python-version", "3.11", "--target", target),
            *("-r", ROOT / "requirements.lock"),
        ]
    )
    shutil.rmtree(target / "bin", ignore_errors=True)
    for record in target.glob("*.dist-info/*"):
        if record.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
            record.unlink()
    if not (target / "grpc/__init__.py").is_file():
        raise BuildError("requirements.lock brought no grpc")


def _libraries(debian: Path, tree: Path) -> None:
    """What the program and all extensions need, and what that needs in turn."""
    program = tree / "bin" / PYTHON
    wanted = [program, *sorted(tree.rglob("*.so"))]
    have: set[str] = set()
    while wanted:
        for name in _patchelf("--print-needed", wanted.pop()).split():
            if name not in have:
                have.add(name)
                shutil.copy(_library(debian, name), tree / "lib" / name)
                wanted.append(tree / "lib" / name)
    _patchelf("--set-interpreter", f"/{PREFIX}/lib/{LOADER}", program)
    _patchelf("--force-rpath", "--set-rpath", f"/{PREFIX}/lib", program)


def _library(debian: Path, name: str) -> Path:
    for directory in _LIBRARY_DIRECTORIES:
        if (debian / directory / name).exists():
            return (debian / directory / name).resolve()
    raise BuildError(f"no package of packages.lock has {name}: add the one that does")


def _patchelf(*words: str | Path) -> str:
    return command([Path(sys.executable).parent / "patchelf", *words])


_IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.append(sys.argv[1])
import agent
for module in pkgutil.walk_packages(agent.__path__, "agent."):
    importlib.import_module(module.name)
"""


def _try(tree: Path, base: Path) -> None:
    """Import all modules of the agent: what was left out of the base and is needed shows here."""
    run_in(base, ["-c", _IMPORT_ALL, tree / PACKAGES])


def _compile(tree: Path, *directories: str, interpreter: Path | None = None) -> None:
    """Bytecode that is taken without a look at its source: no file's time is part of it.

    (-B: what compileall itself imports must not be left there by that.)
    """
    run_in(
        interpreter or tree,
        [
            *("-B", "-m", "compileall", "-f", "-q", "--invalidation-mode", "unchecked-hash"),
            *("-p", f"/{PREFIX}", *directories),
        ],
        cwd=tree,
    )
