# Seawall: `make demo` shows it, `make test` proves it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
ROOMS := kernel statistics audit policy access registry serving validation monitoring approvals \
	rollout slo incidents review retraining report
EMPTY :=
CORE := $(subst $(EMPTY) $(EMPTY),,$(foreach room,$(ROOMS),src/seawall/$(room)/*,))
STAMP := .venv/.installed

.PHONY: help setup demo test check soak bench versions docs lock clean

help: ## what there is to make
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## a virtual environment in .venv with everything locked

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: setup ## the whole managed life of one model, on real census data
	@$(BIN)/seawall demo

test: setup ## every test, with the real services they need
	@$(BIN)/python -m tests.services.install
	$(BIN)/pytest -n 2 -m "not soak" --cov --cov-report= $(PYTEST)
	@$(BIN)/coverage report --skip-covered --fail-under=90 --include='$(CORE)'

check: setup ## style, types, layers
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

soak: setup ## long simulations and hundreds of kills
	$(BIN)/pytest -m soak $(PYTEST)

bench: setup ## speed and size, each beside its limit
	$(BIN)/python -m benchmarks

versions: setup ## the fast tests on the lowest and the newest versions allowed; PYTHONS="..."
	$(BIN)/python -m tests.versions $(PYTHONS)

docs: setup ## the documentation's links and commands, checked
	$(BIN)/pytest -q tests/docs

lock: ## requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --all-extras --group dev --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate -o requirements.lock pyproject.toml

clean: ## everything that was made
	rm -rf .venv dist .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov
