# `make run` opens the dashboard, `make test` runs the tests; each sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
TORCH ?= torch==2.13.0

.PHONY: run test test-busy test-postgres test-tune tune-demo fuzz check bench reference screenshots

run: .venv/installed
	$(BIN)/promptgrid

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-busy: .venv/installed-dev  # ten rounds beside a busy loop on each core; ARGS="--rounds 1 -- tests/runner" for a part
	$(BIN)/python -m benchmarks.busy $(ARGS)

test-postgres: .venv-postgres/installed  # the store on PostgreSQL, with the extra in an environment of its own
	POSTGRES_EXTRA=1 .venv-postgres/bin/python -m pytest tests/store tests/compare/test_search.py tests/runner/test_reuse.py -k postgresql $(ARGS)

test-tune: .venv-tune/installed  # a real tuning, with PyTorch in an environment of its own
	TUNE_EXTRA=1 .venv-tune/bin/python -m pytest tests/tuning/test_training.py tests/tuning/test_folder_model.py $(ARGS)

tune-demo: .venv-tune/installed  # one task four ways: zero-shot, few-shot, retrieval, tuned
	.venv-tune/bin/python -m benchmarks.tune $(ARGS)

fuzz: .venv/installed-dev  # for minutes; `make test` tries 40 inputs a fuzzer
	FUZZ=$${FUZZ:-5000} $(BIN)/python -m pytest -n 2 tests/fuzz $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks.first_page
	$(BIN)/python -m benchmarks.felt
	$(BIN)/python -m benchmarks.commands
	$(BIN)/python -m benchmarks.throughput --big
	$(BIN)/python -m benchmarks.faulty
	$(BIN)/python -m benchmarks.kill
	$(BIN)/python -m benchmarks.preflight
	$(BIN)/python -m benchmarks.export
	$(BIN)/python -m benchmarks.evidence
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.dashboard_load
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.compare_page
	$(BIN)/python -m benchmarks.next_word
	$(BIN)/python -m benchmarks.builtin_sweep

reference: .venv/installed-dev
	$(BIN)/python docs/reference.py

screenshots: .venv/installed-dev
	$(BIN)/python docs/screenshots.py

.venv/installed: pyproject.toml
	@echo "Setting up .venv: a minute or two, once"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -e .
	touch $@

.venv-tune/installed: pyproject.toml  # $(TORCH) first: without a version, pip takes the newest, for NVIDIA cards on Linux
	$(PYTHON) -m venv .venv-tune
	.venv-tune/bin/python -m pip install --quiet $(TORCH)
	.venv-tune/bin/python -m pip install --quiet -e ".[tune]" "pytest>=9.0,<10"
	touch $@

.venv-postgres/installed: pyproject.toml
	$(PYTHON) -m venv .venv-postgres
	.venv-postgres/bin/python -m pip install --quiet -e ".[postgres]" "pytest>=9.0,<10"
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@
