# Everything that this repository can do: `make help`.
# Set-up is part of every target: it installs what is missing, is remembered, and costs nothing the second time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# What was downloaded and built: promtool, the lab's images, logs of the set-up.
export NODEWITNESS_CACHE := $(abspath $(or $(NODEWITNESS_CACHE),.cache))

python := .venv/bin/python
packaging := tools/venv.sh tools/step.sh pyproject.toml requirements-build.lock agent/__init__.py

##: run     set everything up, then run the agent in the foreground (as root; RUN="--config FILE" for options)
.PHONY: run
run: .venv/runtime.stamp
	@exec .venv/bin/nodewitness run $(RUN)

##: test    the whole proof: check, then the lab's tests on a real kernel in a VM
.PHONY: test
test: check
	@$(python) -m tests.lab build --all
	@$(python) -m pytest tests/lab -n 2 --dist loadscope --no-loadscope-reorder -v --durations=15

##: check   the gate, in under two minutes: linters, types, layers, stubs, rules, and every test without the lab
.PHONY: check
check: .venv/dev.stamp
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet || { echo 'Run `make format`.'; exit 1; }
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@$(python) tools/proto.py check
	@tools/promtool.sh
	@$(python) -m pytest -q -n 2 --dist worksteal -m 'not lab'

##: format  let ruff format the code and mend what it can
.PHONY: format
format: .venv/dev.stamp
	@.venv/bin/ruff check --quiet --fix-only
	@.venv/bin/ruff format --quiet

##: lab     boot the lab, a node with a real kernel and containerd in a VM, and leave a shell in it
.PHONY: lab
lab: .venv/dev.stamp
	@$(python) -m tests.lab build
	@exec $(python) -m tests.lab shell

##: bench   what the sweep, a scrape and the agent cost beside a C reader, in the lab; writes build/bench.json
.PHONY: bench
bench: .venv/dev.stamp
	@$(python) -m tests.bench $(BENCH)

##: kubelet  build a real kubelet from its Go modules (needs Go; some ten minutes, once), and run the lab's tests beside it
KUBELET ?= 1.34.2
kubelet := $(NODEWITNESS_CACHE)/kubelet/$(KUBELET)/kubelet

.PHONY: kubelet
kubelet: .venv/dev.stamp $(kubelet)
	@$(python) -m tests.lab build
	@$(python) -m tests.lab build --driver systemd
	@NODEWITNESS_KUBELET=$(kubelet) $(python) -m pytest -m lab -v tests/lab/test_real_kubelet.py

$(kubelet): tools/kubelet.sh
	@tools/kubelet.sh $(KUBELET) $@

##: image   the image as an OCI archive, in build/image, without a registry or a container tool (root is not needed)
.PHONY: image
image: .venv/dev.stamp
	@$(python) -m tools.image build $(IMAGE)

##: image-lock   lock the Debian packages of the image as they are now
.PHONY: image-lock
image-lock: .venv/dev.stamp
	@$(python) -m tools.image lock

##: proto   generate the stubs of proto/ into agent/api
.PHONY: proto
proto: .venv/dev.stamp
	@$(python) tools/proto.py write

##: lock    write requirements*.lock from pyproject.toml (UPGRADE="grpcio ..." or UPGRADE=--all to upgrade)
.PHONY: lock
lock: .venv/dev.stamp
	@tools/lock.sh $(UPGRADE)

##: clean   remove .venv, the cache and what the tools left behind
.PHONY: clean
clean:
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@rm -rf -- "$(NODEWITNESS_CACHE)"
	@find . -name __pycache__ -prune -exec rm -rf {} +

##: help    this list
.PHONY: help
help:
	@sed -n 's/^##: //p' Makefile

.venv/runtime.stamp: $(packaging) requirements.lock
	@tools/venv.sh runtime
	@touch $@

# The development lock holds the runtime's versions too.
.venv/dev.stamp: $(packaging) requirements-dev.lock
	@tools/venv.sh dev
	@touch $@ .venv/runtime.stamp
