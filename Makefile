# One door to everything. `make` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := build/demo

.PHONY: help demo test test-long test-statistical lint types imports check bench wheel docs notebooks clean java

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | while IFS='|' read -r t d; do printf '  %-18s %s\n' "$$t" "$$d"; done

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "python venv is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

java: ## find Java 17 or newer, or install it where that is allowed
	@scripts/ensure_java.sh

demo: $(STAMP) java ## set up, write raw logs, run the main job, show the results
	@rm -rf $(DEMO)
	$(BIN)/abspark demo --out $(DEMO)

test: $(STAMP) java ## set up and run the default tests
	$(BIN)/python -m pytest

test-long: $(STAMP) java ## runs that are killed, clusters, load
	$(BIN)/python -m pytest -m long -n 0

test-statistical: $(STAMP) ## long seeded simulations
	$(BIN)/python -m pytest -m statistical

lint: $(STAMP) ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP) ## import-linter: who may import whom
	$(BIN)/lint-imports --config pyproject.toml

check: lint types imports ## everything that needs no Spark to say no

bench: $(STAMP) java ## measure; writes build/bench.json
	$(BIN)/python -m tests.perf.bench $(ARGS)

wheel: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

docs: $(STAMP) ## build the documentation site into build/site
	$(BIN)/mkdocs build --strict

notebooks: $(STAMP) java ## execute the notebooks and keep their outputs
	$(BIN)/python scripts/run_notebooks.py

clean: ## remove what the targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
