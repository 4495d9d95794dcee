# Each target makes what it needs in .venv, once; a second call goes straight to work.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check fmt clean

demo: .venv/ready  ## run a real job of Python tasks against the local sandbox
	@$(BIN)/dbjobs demo

test: check  ## every check, then every test
	@$(BIN)/pytest -n 2

check: .venv/ready  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: .venv/ready  ## put the code into the house's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## remove what the other targets made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "dbjobs needs Python 3.10 or later; say which with: make PYTHON=python3.12")'
	@echo "Setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --editable ".[sandbox]" --group dev
	@touch $@
