#!/usr/bin/env bash
# tools/kubelet.sh VERSION FILE: build the kubelet of Kubernetes VERSION (1.34.2) from its Go modules.
#
# For the lab (`make kubelet`): with NODEWITNESS_KUBELET=FILE its tests run the kubelet beside the agent, and
# `python -m tests.lab.record_kubelet` records its /stats/summary.
set -euo pipefail
. "$(dirname "$0")/step.sh"

version=$1 minor=${1#1.} file=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PATH=$PATH:/usr/local/go/bin # where Go's own archive puts it
go=$(go env GOVERSION 2>/dev/null || true)
[[ $go =~ ^go1\.([0-9]+) && ${BASH_REMATCH[1]} -ge 21 ]] ||
    die "a kubelet cannot be built: ${go:-there is no Go in PATH, nor in /usr/local/go}" \
        "Install Go 1.21 or later (https://go.dev/dl): it fetches by itself the version that Kubernetes $version wants."
export GOFLAGS=-mod=mod CGO_ENABLED=0
kubernetes=$(go env GOMODCACHE)/k8s.io/kubernetes@v$version

# The module k8s.io/kubernetes names its own parts by paths of its repository: here they are those that were published.
write_module() {
    local module context=""
    cat "$kubernetes/go.sum" >go.sum
    sed -e 's#^module .*#module kubelet#' \
        -e "s#k8s.io/\([a-z-]*\) => ./staging/src/k8s.io/[a-z-]*#k8s.io/\1 => k8s.io/\1 v0.$minor#" \
        -e "s#^\t\(k8s.io/[a-z-]*\) v0.0.0\$#\t\1 v0.$minor#" "$kubernetes/go.mod" >go.mod
    echo "require k8s.io/kubernetes v$version" >>go.mod
    for module in $(grep -o "^	k8s.io/[a-z-]* v0.$minor" go.mod | cut -f2 | cut -d' ' -f1); do
        grep -q "$module => " go.mod || echo "replace $module => $module v0.$minor" >>go.mod
    done
    ! grep -q 'func NewKubeletCommand(ctx' "$kubernetes/cmd/kubelet/app/server.go" || context="context.Background()"
    cat >main.go <<END
package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kubelet/app"
)

func main() { _ = context.Background; os.Exit(cli.Run(app.NewKubeletCommand($context))) }
END
}

cd "$work"
reachable="Is Go's module proxy reachable (go env GOPROXY)? Is there such a version?"
step "Kubernetes $version as a Go module" "$reachable" go mod download -json "k8s.io/kubernetes@v$version"
write_module
step "the modules that it needs" "$reachable" go mod download
step "kubelet $version with $go, some ten minutes" "See the output above." \
    go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" -o kubelet .
mkdir -p "${file%/*}"
mv kubelet "$file.new"
mv "$file.new" "$file"
