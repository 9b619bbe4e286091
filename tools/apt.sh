#!/usr/bin/env bash
# tools/apt.sh PACKAGE...: installs those of the Debian packages that are missing. Does nothing, and asks no
# package index, when all are there.
set -euo pipefail
. "$(dirname "$0")/step.sh"

missing=()
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
    die "${missing[*]} missing, and there is no apt-get here" "Install what these Debian packages hold, then run make again."
[ "$(id -u)" = 0 ] ||
    die "${missing[*]} missing" "As root: apt-get install ${missing[*]}    (or run make as root)"

export DEBIAN_FRONTEND=noninteractive
step "apt-get update" "Are the package sources in /etc/apt reachable from here?" apt-get -q -o Acquire::Retries=5 update
step "apt-get install ${missing[*]}" "Install them by hand, then run make again." \
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 install --no-install-recommends "${missing[@]}"
