#!/usr/bin/env bash
# tools/promtool.sh: checks what Prometheus will read from us: alert and recording rules, the tests of the
# rules, what the dashboards ask, and the exposition's golden files. Fetches promtool on first use.
set -euo pipefail
shopt -s globstar nullglob
. "$(dirname "$0")/step.sh"

# Debian's package is unpacked, never installed: installing it would start a Prometheus server.
promtool=$cache/promtool/usr/bin/promtool
fetch() {
    (
        rm -rf "$cache/promtool" && mkdir -p "$cache/promtool" && cd "$cache/promtool" || exit
        apt_get=(apt-get -q -o Acquire::Retries=5)
        "${apt_get[@]}" download prometheus ||
            { "${apt_get[@]}" update && "${apt_get[@]}" download prometheus; } || exit
        dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && rm prometheus_*.deb
    )
}
if ! "$promtool" --version >/dev/null 2>&1; then
    step "promtool from Debian's package prometheus" \
        "Are the package sources in /etc/apt reachable? A promtool put at $promtool serves as well." fetch
fi

rules=(deploy/**/*.rules.yaml)
tests=(deploy/**/*.rules.test.yaml tests/**/*.rules.test.yaml)
expositions=(tests/golden/**/*.prom)

[ ${#rules[@]} -eq 0 ] || "$promtool" check rules "${rules[@]}"
[ ${#tests[@]} -eq 0 ] || "$promtool" test rules "${tests[@]}"
for file in "${expositions[@]}"; do
    "$promtool" check metrics <"$file" || die "$file is not what promtool accepts" "See the lines above."
done
asked=$(mktemp) && trap 'rm -f "$asked"' EXIT
.venv/bin/python -m tools.dashboards rules >"$asked"
"$promtool" check rules "$asked" | sed "s|$asked|deploy/grafana|"
echo "promtool: ${#rules[@]} rule files, ${#tests[@]} rule tests, ${#expositions[@]} expositions"
