#!/usr/bin/env bash
# tools/lock.sh [PACKAGE...]: writes the locks from pyproject.toml, keeping the versions that are in them;
# with names, upgrades those packages; with --all, upgrades everything. No index and no host is named inside.
set -euo pipefail
. "$(dirname "$0")/step.sh"

# pip-tools has a venv of its own, so that what it needs does not mix with what it locks.
compiler=$cache/pip-tools
pip_tools=7.6.2
if [ "$("$compiler/bin/pip-compile" --version 2>/dev/null)" != "pip-compile, version $pip_tools" ]; then
    step "pip-tools $pip_tools" "Is the package index reachable?" \
        bash -c "'$PWD/.venv/bin/python' -m venv --clear '$compiler' && '$compiler/bin/pip' -q install pip-tools==$pip_tools"
fi

options=(--quiet --generate-hashes --strip-extras --allow-unsafe --no-header
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options)
for name in "$@"; do
    [ "$name" = --all ] && options+=(--upgrade) || options+=(--upgrade-package "$name")
done

compile() {
    local output=$1
    shift
    step "$output" "See the output above: is a bound in pyproject.toml in the way?" \
        "$compiler/bin/pip-compile" "${options[@]}" "$@" --output-file "$output" pyproject.toml
}
compile requirements-build.lock --all-build-deps --only-build-deps
compile requirements.lock
compile requirements-dev.lock --extra dev --constraint requirements.lock --constraint requirements-build.lock
