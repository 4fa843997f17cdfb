# Everything runs from a virtual environment that this file makes; nothing else is needed than
# Python (3.11 to 3.13, with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check docs gpu-check bench protocols lock clean

demo: $(STAMP)
	$(BIN)/theradose demo --out demo

# Threads slow down the small linear algebra of fits, many times over where cores are shared.
test: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --durations=10

check: $(STAMP)
	$(BIN)/ruff check src tests bench examples
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The machine code for graphics cards; brings numba-cuda and the CUDA compiler into an environment of its own.
gpu-check: $(STAMP)
	test -x .venv-gpu/bin/python || $(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: "numba-cuda[cu13]>=0.20"
	for capability in 7.5 8.0 9.0; do \
		PYTHONPATH=src .venv-gpu/bin/python -m theradose.radiation.transport.ptx $$capability || exit 1; done

bench: $(STAMP)
	for script in bench/*.py; do $(BIN)/python $$script || exit 1; done

# The expected accuracy of every packaged protocol, stored in the packaged data; takes about half an hour.
protocols: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m theradose.workflow.protocol_expectations

$(STAMP): constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	touch $(STAMP)

lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra cluster --extra dev --extra docs --extra nuclides \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet -o constraints.txt

clean:
	rm -rf $(VENV) .venv-gpu demo site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
