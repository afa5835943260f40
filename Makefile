# Everything a newcomer needs: `make demo`, `make test`. The virtual environment makes itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-all lint bench lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      the whole story on this machine, in about a minute"
	@echo "make test      the tests that need nothing else"
	@echo "make test-all  all of them, the slow ones too"
	@echo "make lint      ruff, mypy, import-linter"
	@echo "make bench     speed and memory, as ratios"
	@echo "make lock      resolve the dependencies again"

# Made again when the lock file or the project file is newer. The project itself is installed editable, without
# build isolation, so that every package on the machine is one of the lock file's.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else f"LepiNet needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.11")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

demo: $(READY)
	$(BIN)/lepinet demo

test: $(READY)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m benchmarks

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra all --group dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra train pyproject.toml -o requirements-train.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
