# Every target does its own set-up on a machine with python3 (3.11 or newer, with venv) and make. `make` lists them.

PYTHON ?= python3
export PYTHON
# Every process of the tests would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# Test processes: most tests wait for sockets and servers, so more than the two cores of a small machine.
WORKERS ?= 5
# Worlds of the fault table: each has two replicas and nine turns at work, which wait more than they work.
FAULT_WORKERS ?= 3
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: sandbox
sandbox: local ## A Slack-like workspace in the browser, with the desk in it; no keys, no Redis
	@$(BIN)/country-agents sandbox $(ARGS)

.PHONY: test
test: dev ## All tests, through real HTTP, WebSocket, Valkey and a browser; ARGS='-k stop' for some
	@.ci/chromium
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: faults
faults: dev ## Every fault at every stage of a turn: processes killed, Slack, model and Redis failing
	@$(BIN)/python -m pytest -n $(FAULT_WORKERS) -m 'not soak' tests/faults --ignore tests/faults/test_each_once.py $(ARGS)

.PHONY: soak
soak: dev ## Ten minutes of random faults, and four replicas killed at random under fifty turns
	@$(BIN)/python -m pytest -m soak tests/faults $(ARGS)

.PHONY: lint
lint: dev ## Rules, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: format
format: dev ## Put the sources into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: dev ## Measure speed and memory; writes build/bench.json
	@mkdir -p build
	@$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: lock
lock: ## Resolve pyproject.toml into requirements*.txt; ARGS=--upgrade for the newest versions
	@.ci/lock $(ARGS)

.PHONY: settings
settings: dev ## Write the table of settings into the README
	@$(BIN)/python .ci/settings_table

.PHONY: local dev
local dev:
	@.ci/setup $@
