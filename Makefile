# Everything a newcomer needs: `make demo`, `make test`. The virtual environment makes itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help docs pictures space dashboard demo test test-slow test-all lint bench calibration reference lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      the whole story on this machine, in about a minute"
	@echo "make test      the tests that need nothing else"
	@echo "make test-all  the slow ones too; make test-slow, those alone"
	@echo "make lint      ruff, mypy, import-linter; actionlint, zizmor and the schemas on .github"
	@echo "make bench     speed and memory, as ratios"
	@echo "make calibration  how often the verdict is right, in docs/calibration.md"
	@echo "make reference  our answers beside the transformers pipeline's, and the tests that need torch"
	@echo "make docs      the pages of docs/ that are made from the code"
	@echo "make pictures  the pictures of docs/dashboard.md, with Chromium"
	@echo "make space     build/space, the files of a Space that serves photos"
	@echo "make dashboard build/dashboard, the files of a Space or a container that shows the dashboard"
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

# The quick tests of one file share what is slow to start; each of the slow ones is worth a start of its own.
QUICK_TESTS := -n logical --dist loadfile -m "not slow"
SLOW_TESTS := -n logical --dist load -m slow

demo: $(READY)
	$(BIN)/lepinet demo

test: $(READY)
	$(BIN)/python -m pytest $(QUICK_TESTS)

test-all: test test-slow

test-slow: $(READY)
	$(BIN)/python -m pytest $(SLOW_TESTS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/actionlint -color=false
	$(BIN)/zizmor --offline --no-progress --strict-collection --persona auditor .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml

bench: $(READY)
	PYTHONPATH=tests $(BIN)/python -m benchmarks

# A quarter of an hour on two cores; the page is the same for the same seed and versions.
calibration: $(READY)
	$(BIN)/python -m calibration

# torch and what only its CUDA build wants stay out: on Linux its CPU build is on the official CPU index alone.
WITHOUT_TORCH := $(foreach package,torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
	nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver \
	nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx,--no-emit-package $(package))
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml

lock:
	$(COMPILE) --extra all --group dev -o requirements.lock
	$(COMPILE) --extra evaluate --group build --constraints requirements.lock -o requirements-evaluate.lock
	$(COMPILE) --extra serve --constraints requirements.lock -o requirements-serve.lock
	$(COMPILE) --extra dashboard --constraints requirements.lock -o requirements-dashboard.lock
	$(COMPILE) $(WITHOUT_TORCH) --extra transformers --constraints requirements.lock -o requirements-transformers.lock
	sed -i.bak '1i # The extra `transformers` without torch, which is installed after it:\n#   pip install --no-deps --index-url https://download.pytorch.org/whl/cpu torch==2.13.0' requirements-transformers.lock
	rm requirements-transformers.lock.bak

# Our answers beside those of the transformers pipeline, live, and the tests that need torch: 1 GB of packages in a
# virtual environment of their own, which finds what else tests need in the other one.
REFERENCE := .venv-transformers
INTO_REFERENCE := $(BIN)/python -m pip --python $(REFERENCE)/bin/python install --quiet --disable-pip-version-check --no-compile
$(REFERENCE)/.ready: requirements-transformers.lock | $(READY)
	rm -rf $(REFERENCE)
	$(PYTHON) -m venv --without-pip $(REFERENCE)
	$(INTO_REFERENCE) --require-hashes -r requirements-transformers.lock
	$(INTO_REFERENCE) --no-deps $(TORCH_INDEX) torch==2.13.0
	$(REFERENCE)/bin/python -c 'import pathlib, site; pathlib.Path(site.getsitepackages()[0], "lepinet.pth").write_text("\n".join(["$(CURDIR)/scripts", *site.getsitepackages(["$(CURDIR)/$(VENV)"])]))'
	du -sh $(REFERENCE)
	touch $@

reference: $(REFERENCE)/.ready
	$(REFERENCE)/bin/python -m fixtures.reference --check
	$(REFERENCE)/bin/python -m pytest -m torch tests

# Chromium has to be there; some minutes.
pictures: $(READY)
	$(BIN)/python -m fixtures.screenshots

docs: $(READY)
	$(BIN)/python -m references
	PYTHONPATH=tests $(BIN)/python -m registry.access

space: $(READY)
	rm -rf build/space
	mkdir -p build/space
	cp spaces/Dockerfile spaces/README.md species.csv requirements-serve.lock build/space
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/space .

dashboard: $(READY)
	rm -rf build/dashboard
	mkdir -p build/dashboard
	cp spaces/dashboard/* requirements-dashboard.lock build/dashboard
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/dashboard .

clean:
	rm -rf $(VENV) .venv-transformers build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
