# Every target sets up what it needs by itself: a virtual environment from the package index and, for the tests, a browser
# and Docker Engine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Two at a time: the tests start real servers, and more would only fight over two cores.
WORKERS ?= 2

.PHONY: demo test test-binary soak lint format bench clean

demo: $(INSTALLED)  ## ask the demo model every bundled suite, and make its report
	-scripts/start-docker $(BIN)/python
	$(BIN)/pytest --polecat-model=demo

test: $(INSTALLED)  ## run all tests
	scripts/install-browser
	scripts/start-docker $(BIN)/python
	$(BIN)/pytest -n $(WORKERS) --dist worksteal tests --ignore tests/binary

test-binary: $(INSTALLED)  ## build a real llama-server, and run the tests that need one
	program=$$(scripts/build-llama-server $(BIN)/python) && \
	POLECAT_LLAMA_SERVER=$$program $(BIN)/pytest -n $(WORKERS) --dist worksteal tests/binary

soak: $(INSTALLED)  ## kill and resume 100 runs; `make test` does the same with 3
	scripts/start-docker $(BIN)/python
	POLECAT_SOAK_ROUNDS=100 $(BIN)/pytest -n $(WORKERS) --dist worksteal tests/soak

lint: $(INSTALLED)  ## check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(INSTALLED)  ## put code and imports in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)  ## measure what the harness itself costs
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) dist polecat-runs .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml scripts/make-environment
	scripts/make-environment $(PYTHON) $(VENV)
	touch $@
