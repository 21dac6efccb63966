# What one does with this checkout. `make` alone lists it.
# uv installs the locked environment where it exists; otherwise Python's own venv and pip install the same versions.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.ready
# Half of the time a test waits for a disk, a terminal or a clock: two processes for each core.
WORKERS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1))))
PYTEST_ARGS ?= -n $(WORKERS)

NEEDED := ismsg needs Python 3.11, 3.12 or 3.13: install one of them, or uv, and run make again.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
LOCKED := import tomllib; \
	[print(p["name"], p["version"], sep="==") for p in tomllib.load(open("uv.lock", "rb"))["package"] \
	if "registry" in p["source"]]

.PHONY: help setup demo test check bench docs picture

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv (the others do it by themselves)

demo: $(READY) ## Open the console on an invented workspace
	@$(BIN)/ismsg demo

test: $(READY) ## Run the tests; PYTEST_ARGS="tests/test_x.py" chooses
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(READY) ## Lint, formatting, types, architecture, spelling, generated pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/python -m ismsg_tui.docs --check

bench: $(READY) ## Measure speed
	@$(BIN)/python -m benchmarks

docs: $(READY) ## Write the generated pages of docs/ anew
	@$(BIN)/python -m ismsg_tui.docs

picture: $(READY) ## Draw docs/desk.svg anew
	@$(BIN)/ismsg demo --picture docs/desk.svg

$(READY): pyproject.toml uv.lock
	@if uv --version >/dev/null 2>&1; then uv sync --frozen; else $(MAKE) --no-print-directory .venv-by-pip; fi
	@touch $@

# A Python without ensurepip (Debian splits it off) makes a bare venv, which its pip then fills.
.PHONY: .venv-by-pip
.venv-by-pip:
	@set -e; \
	for python in python3 python3.13 python3.12 python3.11 none; do \
		if $$python -c '$(FITS)' >/dev/null 2>&1; then break; fi; \
	done; \
	if [ $$python = none ]; then echo "$(NEEDED)" >&2; exit 1; fi; \
	if $$python -c 'import ensurepip' 2>/dev/null; then $$python -m venv --clear .venv; else \
		$$python -m venv --clear --without-pip .venv; \
		$$python -m pip --python $(BIN)/python install --quiet pip; \
	fi
	@$(BIN)/python -c '$(LOCKED)' > .venv/locked.txt
	@$(BIN)/python -m pip install --quiet --upgrade --constraint .venv/locked.txt pip
	@$(BIN)/python -m pip install --quiet --constraint .venv/locked.txt --editable . --group dev
