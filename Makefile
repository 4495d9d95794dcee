# Each target makes what it needs in .venv, once; a second call goes straight to work.
PYTHON ?= python3
BIN := .venv/bin
ROUNDS ?= 15
ifneq ($(filter command environment,$(origin PYTHON)),)  # chosen: replace a .venv of another Python
ifneq ($(shell { $(PYTHON) --version || :; } 2>&1),$(shell { $(BIN)/python --version || :; } 2>&1))
.PHONY: .venv/ready
CLEAR := --clear
endif
endif
PIP_INSTALL := python -m pip --quiet --disable-pip-version-check install

.PHONY: demo test check fmt docs fields bench fuzz dist zipapp test-packages test-lowest test-newest lock clean

demo: .venv/ready  ## run a real job of Python tasks in a workspace on this machine
	@$(BIN)/dbjobs demo

test: check  ## every check, then every test
	@$(BIN)/pytest -n 6 --dist worksteal

check: .venv/ready  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: .venv/ready  ## format the code, and mend what can be mended by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: .venv/ready  ## write man pages, the command reference and completion anew
	@$(BIN)/python docs/generate.py

fields: .venv/ready build/tools/ready  ## write the known fields of the Jobs API anew, from the newest official SDK
	@build/tools/bin/uv venv --quiet --clear --python $(BIN)/python build/fields
	@VIRTUAL_ENV=build/fields build/tools/bin/uv pip install --quiet --upgrade databricks-sdk
	@build/fields/bin/python docs/generate_fields.py
	@$(BIN)/python docs/generate.py

bench: .venv/ready  ## measure against the alternatives, and write docs/performance.md
	@$(BIN)/python -m benchmarks --rounds $(ROUNDS)

fuzz: .venv/ready  ## random sequences of faults against every command that changes something; SEED=n runs one again
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED),--count $(or $(COUNT),5000))

dist: build/tools/ready  ## a wheel, and an sdist
	@build/tools/bin/pyproject-build --outdir dist .

zipapp: build/tools/ready  ## dist/dbjobs.pyz: one file that needs nothing but Python
	@mkdir -p dist
	@build/tools/bin/shiv --quiet --console-script dbjobs --output-file dist/dbjobs.pyz ".[sandbox]"

test-packages: .venv/ready build/tools/ready  ## install dbjobs in every way there is, for every Python there is
	@$(BIN)/pytest -m packages tests/project/test_packages.py

test-lowest: RESOLUTION := lowest-direct  ## every test, with the oldest dependencies that pyproject.toml allows
test-newest: RESOLUTION := highest  ## every test, with the newest
test-lowest test-newest: test-%: build/tools/ready
	@build/tools/bin/uv venv --quiet --clear --seed --python $(PYTHON) build/$*
	@VIRTUAL_ENV=build/$* build/tools/bin/uv pip install --quiet --resolution $(RESOLUTION) --editable ".[sandbox,keyring,mcp]"
	@VIRTUAL_ENV=build/$* build/tools/bin/uv pip install --quiet --group dev
	@build/$*/bin/pytest -n 6 --dist worksteal

LOCK := build/tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

lock: build/tools/ready  ## write locks/ anew: the newest versions that pyproject.toml allows
	@$(LOCK) pyproject.toml --extra sandbox --extra keyring --extra mcp --group dev --output-file locks/dev.txt
	@for group in tools old-sdk last-year-sdk legacy-cli; do $(LOCK) --group $$group --output-file locks/$$group.txt || exit; done

build/tools/ready: locks/tools.txt
	@$(PYTHON) -m venv build/tools
	@build/tools/bin/$(PIP_INSTALL) --require-hashes --requirement locks/tools.txt
	@touch $@

clean:  ## remove what the other targets made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml locks/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "dbjobs needs Python 3.10 or later; say which with: make PYTHON=python3.12")'
	@echo "Setting up .venv, once. 1 of 3: a virtual environment of $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(CLEAR) .venv
	@echo "2 of 3: downloading and installing what locks/dev.txt lists (130 MB: half a minute on a fast network, minutes on a slow one)"
	@$(BIN)/$(PIP_INSTALL) --require-hashes --requirement locks/dev.txt
	@echo "3 of 3: installing dbjobs itself"
	@$(BIN)/$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
