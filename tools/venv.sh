#!/usr/bin/env bash
# tools/venv.sh runtime|dev: .venv with the locked dependencies (dev: those of the gate and the tests too) and
# the project itself, editable. Every file that is installed is checked against the hash in its lock.
set -euo pipefail
. "$(dirname "$0")/step.sh"

case ${1:-} in
    runtime) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
    *) die "tools/venv.sh: ${1:-nothing} asked for" "Ask for runtime or for dev." ;;
esac

# Debian's python3 comes without ensurepip unless python3-venv is installed.
usable() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in $(type -aP python3) /usr/bin/python3; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

if ! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$(find_python)
    if [ -z "$python" ]; then
        tools/apt.sh python3 python3-venv
        python=/usr/bin/python3
        usable $python || die "$($python --version) is too old" "nodewitness needs Python 3.11: put one in PATH."
    fi
    step ".venv from $python ($($python --version))" "Is the disk full? See the output above." \
        "$python" -m venv --clear .venv
fi

# cgroupspy is published as an sdist only. It is pure Python; --no-build-isolation builds it with the locked
# setuptools instead of whatever is newest today.
#
# An installation into a directory (a VM's root, say) therefore cannot use --only-binary=:all:. The lock is
# complete, so this works, hashes checked, for another Python than the one that runs it:
#     .venv/bin/python -m pip install --no-deps --no-build-isolation --use-pep517 \
#         --target DIR --python-version 3.11 -r requirements.lock
pip() {
    .venv/bin/python -m pip --quiet --no-input --disable-pip-version-check --no-color \
        install --no-deps --no-build-isolation --use-pep517 "$@"
}
reach="Is the package index reachable? Behind a mirror or a proxy, set PIP_INDEX_URL or HTTPS_PROXY."
step "requirements-build.lock into .venv" "$reach" pip --require-hashes -r requirements-build.lock
step "$lock into .venv" "$reach" pip --require-hashes -r "$lock"
step "nodewitness into .venv" "See the output above." pip --editable .
