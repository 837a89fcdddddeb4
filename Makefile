# The two commands of the README are `make demo` and `make test`; everything else is for those who work on Efir.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit bench bench-queue chaos clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# Made anew when the pins change, and when the environment was moved or copied here: its scripts name another place.
ifeq ($(shell grep -qs '^#!$(abspath $(BIN))/' $(BIN)/efir && $(BIN)/python -c '' 2>&1 || echo stale),stale)
.PHONY: $(READY)
endif
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Efir needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY) ## Run the shipped example through everything
	$(BIN)/efir run examples/

test: $(READY) lint types unit ## Lint, type check and run all tests

lint: $(READY) ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Types
	$(BIN)/mypy

unit: $(READY) ## The tests alone; ARGS=... is given to pytest
	$(BIN)/python -m pytest $(ARGS)

bench: $(READY) ## Throughput against bare Stanza; DOCUMENTS=200 DATA=folder of raw/ and transcripts/
	$(BIN)/python -m tests.bench.throughput --data $(DATA) --documents $(DOCUMENTS)

bench-queue: $(READY) ## Cost of the queue alone, its memory, and the planning of a large campaign
	$(BIN)/python -m tests.bench.queue

chaos: $(READY) ## A stream of documents while a random killer does its worst; DURATION=120 seconds, SEED=...
	$(BIN)/python -m tests.system.chaos --duration $(DURATION) $(if $(SEED),--seed $(SEED))

DURATION ?= 120
DOCUMENTS ?= 200
DATA ?= ../shared/data

clean: ## Remove the environment and the embedded installation's data
	rm -rf $(VENV) .efir
