#!/bin/sh
# tools/kubelet.sh VERSION FILE: build the kubelet of Kubernetes VERSION (1.34.2) from its Go modules, some ten minutes.
#
# For the lab: NODEWITNESS_KUBELET=FILE lets tests/lab/test_eviction.py compare the agent with it, and
# `python -m tests.lab.record_kubelet` records its /stats/summary. Needs Go, as new as that version wants it.
set -eu
version=$1
minor=${version#1.}
file=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The module k8s.io/kubernetes names its own parts by paths of its repository: here they are those that were published.
export GOFLAGS=-mod=mod CGO_ENABLED=0
source=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp "$source/go.sum" go.sum
chmod u+w go.sum
sed -e 's#^module .*#module kubelet#' \
    -e "s#k8s.io/\([a-z-]*\) => ./staging/src/k8s.io/[a-z-]*#k8s.io/\1 => k8s.io/\1 v0.$minor#" \
    -e "s#^\t\(k8s.io/[a-z-]*\) v0.0.0\$#\t\1 v0.$minor#" "$source/go.mod" > go.mod
echo "require k8s.io/kubernetes v$version" >> go.mod
for module in $(grep -o "^	k8s.io/[a-z-]* v0.$minor" go.mod | cut -f2 | cut -d' ' -f1); do
    grep -q "$module => " go.mod || echo "replace $module => $module v0.$minor" >> go.mod
done
context=$(grep -q 'func NewKubeletCommand(ctx' "$source/cmd/kubelet/app/server.go" && echo 'context.Background()' || true)
cat > main.go << END
package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kubelet/app"
)

func main() { _ = context.Background; os.Exit(cli.Run(app.NewKubeletCommand($context))) }
END
go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" -o "$file" .
