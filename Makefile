# Everything goes through .venv, which `make` builds when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Most tests wait for a clock or a process: two files of them at a time, in the order of the folders.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup lab night test retest check bench drill clean screenshots

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("PyROS needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(STAMP) ## build .venv and the first database
	@$(BIN)/pyros setup

lab: setup ## open JupyterLab on notebooks/night.ipynb
	@$(BIN)/pyros lab

night: setup ## run a whole simulated night without a browser
	@$(BIN)/pyros night

test: $(STAMP) ## run all tests
	@$(PYTEST)

retest: $(STAMP) ## run once more the tests that failed last time, alone
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

check: $(STAMP) ## lint, types, import contracts, security and tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -c pyproject.toml -r pyros_kernel widgets instruments simulators drill security
	@$(BIN)/python -m security
	@$(PYTEST)

bench: $(STAMP) ## run the benchmarks
	@$(BIN)/python -m benchmarks

drill: $(STAMP) ## the campaign of faults, promise by promise (an hour and a quarter; see python -m drill --help)
	@$(BIN)/python -m drill

screenshots: $(STAMP) ## remake the pictures of the README
	@$(BIN)/python -m pytest tests/browser --screenshots docs/pictures

clean: ## remove .venv and what tests left
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis *.egg-info
