# Two commands for a newcomer: `make demo` and `make test`. Each sets up all it needs; `make` alone lists the rest.
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
# Written last, so that an installation that was cut off is taken up again.
INSTALLED := $(VENV)/installed
# The lock is resolved for, and tested on, Python 3.11.
PYTHON ?= $(shell for p in python3.11 python3 /usr/bin/python3.11; do $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
# One more than the two cores that are reckoned with: tests of Prefect mostly wait.
WORKERS ?= 3

.PHONY: help install demo test long lint types imports format lock bench docs programs clean

help: ## this list
	@echo "Usage: make <target>"
	@sed -n 's/^\([a-z]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(INSTALLED) ## .venv with everything and the `csd` command in it (nothing to do when it is fresh)
	@:

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed and was not found (tried python3.11 and python3)."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments; on Debian: apt-get install python3.11-venv"; exit 1; }
	@test ! -e $(BIN)/python || $(BIN)/python -c '' 2>/dev/null || rm -rf $(VENV)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV): a minute or two the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 5 --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m tools.compile_engine
	@touch $@

demo: install ## one simulated business day from first file to last statement, on this machine, without a server installed
	@$(BIN)/csd demo

programs: # the outside programs that some tests use: installed as root on Debian, else named
	@test -z "$(PYTHON)" || $(PYTHON) tools/programs.py

# Programs are fetched while packages are installed and the code is checked.
test: ## all checks and tests; says at the end what it could not test, and why
	@$(MAKE) --no-print-directory programs & programs=$$!; \
		$(MAKE) --no-print-directory install lint types imports; code=$$?; wait $$programs && exit $$code
	@$(BIN)/pytest -n $(WORKERS) -m "not long"
	@echo "Left out: the longer variants of tests that were run (make long)."

long: install programs ## the long variants of tests, which `make test` leaves out (those of faults: python tools/faults.py)
	@$(BIN)/pytest -n $(WORKERS) -m long

lint: install ## ruff: faults and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet || { echo "Not formatted; mend with: make format"; $(BIN)/ruff format --check; exit 1; }

format: install ## put the code into the one format
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

types: install ## mypy, strict
	@$(BIN)/mypy

imports: install ## the direction of imports: flows -> parsers -> forms -> depository
	@PYTHONPATH=src:. $(BIN)/lint-imports

docs: install ## the generated pages of docs/
	@$(BIN)/python tools/rules.py --write
	@$(BIN)/python -c 'from forms.reference import render; open("docs/reference/forms.md", "w").write(render())'
	@$(BIN)/python -m typer flows.commands.app utils docs --name csd --output docs/reference/cli.md >/dev/null

bench: install ## the benchmarks, a few minutes
	@$(BIN)/python -m benchmarks

lock: ## requirements.lock anew from pyproject.toml, with hashes and no address of a registry
	@test -x var/lock/bin/uv || { $(PYTHON) -m venv var/lock && var/lock/bin/python -m pip install --quiet --disable-pip-version-check uv; }
	@var/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		pyproject.toml --group dev --output-file requirements.lock

clean: ## removes what can be made again (.venv, caches, var/demo)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist var/demo var/lock
