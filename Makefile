# `make run` opens the dashboard, `make test` runs the tests; each sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench screenshots

run: .venv/installed
	$(BIN)/promptgrid

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/python benchmarks/first_page.py
	$(BIN)/python benchmarks/commands.py
	$(BIN)/python benchmarks/throughput.py --big
	$(BIN)/python benchmarks/faulty.py
	$(BIN)/python benchmarks/kill.py
	$(BIN)/python benchmarks/preflight.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/evidence.py
	$(BIN)/python benchmarks/dashboard_load.py
	$(BIN)/python benchmarks/compare.py
	$(BIN)/python benchmarks/compare_page.py
	$(BIN)/python benchmarks/next_word.py
	$(BIN)/python benchmarks/builtin_sweep.py

screenshots: .venv/installed-dev
	$(BIN)/python docs/screenshots.py

.venv/installed: pyproject.toml
	@echo "Setting up .venv: a minute or two, once"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@
