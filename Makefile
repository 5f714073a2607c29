# Every target is what a person could type. `make demo` and `make test` do all set-up themselves.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-keras test-all test-browser web contract pictures house lint format bench bench-docs clean

demo: .venv/demo.stamp
	$(BIN)/convlens train --runs runs

# two workers of one thread each: two of two threads would wait for each other on two cores
test: .venv/dev.stamp
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow and not browser" -n 2

# the tests that need the extra keras, which `make test` skips where it is not installed
test-keras: .venv/keras.stamp
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" -n 2 $(wildcard tests/*/test_keras_*.py tests/test_keras_*.py) \
		tests/interchange/keras tests/interchange/code tests/api/test_transfer.py \
		tests/test_agreement_document.py tests/engines/test_engines.py

# also what Keras computes with instead of TensorFlow: JAX; PyTorch is there
test-all: .venv/all.stamp
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not browser" -n 2

# the explorer page: checked, tested and built into the package; needs Node 20 or newer
web: web/node_modules/.package-lock.json
	npm --prefix web run check
	npm --prefix web run test
	npm --prefix web run build

web/node_modules/.package-lock.json: web/package-lock.json
	npm --prefix web ci
	touch $@

# what the server answers: docs/openapi.json, and the page's types of it; to run where an answer changed
contract: .venv/dev.stamp web/node_modules/.package-lock.json
	$(BIN)/python web/contract/write.py
	npm --prefix web run contract

# a real browser on a real server; needs Debian's chromium, and `make web` before
test-browser: .venv/dev.stamp
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/browser

# the pictures of the documentation, by the same tests
pictures: .venv/dev.stamp
	CONVLENS_PICTURES=docs OMP_NUM_THREADS=1 $(BIN)/pytest tests/browser/test_pictures.py

# the rooms and their imports, for CONTRIBUTING
house: .venv/dev.stamp
	$(BIN)/python tests/draw_house.py

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# with every peer; each benchmark states on top how long it takes and how to shorten it
bench: .venv/bench.stamp
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done
	$(BIN)/python benchmarks/tables.py

bench-docs: .venv/dev.stamp
	$(BIN)/python benchmarks/tables.py

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) -e .
	touch $@

.venv/dev.stamp: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) -e ".[dev]"
	touch $@ .venv/demo.stamp

.venv/keras.stamp: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) -e ".[dev,keras]"
	touch $@ .venv/dev.stamp .venv/demo.stamp

.venv/all.stamp: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) -e ".[dev,keras,keras-jax]"
	touch $@ .venv/keras.stamp .venv/dev.stamp .venv/demo.stamp

# fastai without its own dependencies, one of which does not load beside a CPU build of torch
.venv/bench.stamp: .venv/keras.stamp benchmarks/peers/requirements-fastai.txt
	$(INSTALL) -e ".[dev,keras,bench]"
	$(INSTALL) --no-deps -r benchmarks/peers/requirements-fastai.txt
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
