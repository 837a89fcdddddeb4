# The two commands of the README are `make demo` and `make test`; everything else is for those who work on Efir.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
# Every target that says what it does.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*## .*/\1/p' $(firstword $(MAKEFILE_LIST)))

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

unit: $(READY) ## The tests alone, two files at a time, since most of them wait; ARGS=... is given to pytest
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

bench: $(READY) ## What queue and store cost, against the stages alone; DOCUMENTS=200 DATA=folder of raw/ and transcripts/
	$(BIN)/python -m tests.bench.throughput --data $(DATA) --documents $(DOCUMENTS)

bench-models: $(READY) ## Speed, memory and size of a bundle; DATA=..., ARGS='--against FOLDER --udpipe MODEL'
	$(BIN)/python -m tests.bench.models --data $(DATA) $(ARGS)

bench-untouched: $(READY) ## Tone and topics by classifiers over an untouched encoder; DATA=..., ENCODER=...
	$(BIN)/python -m tests.bench.untouched --data $(DATA) --encoder $(ENCODER)

bench-robustness: $(READY) ## Seconds and memory for odd texts of a megabyte; ARGS='--characters 100000 --text digits'
	$(BIN)/python -m tests.bench.robustness $(ARGS)

bench-queue: $(READY) ## Cost of the queue alone, its memory, and the planning of a large campaign
	$(BIN)/python -m tests.bench.queue

bench-near: $(READY) ## Recall, precision and cost of finding near-duplicates; DATA=folder as for bench
	$(BIN)/python -m tests.bench.near_duplicates --data $(DATA)

bench-ingest: $(READY) ## How fast documents are admitted over HTTP and from 2,000 feeds; DATA=folder as for bench
	$(BIN)/python -m tests.bench.ingest --data $(DATA)
	$(BIN)/python -m tests.bench.feeds --real $(ARGS)

bench-feeds: $(READY) ## What polling costs, with 2,000 feeds on a local server; ARGS=--real admits what is found
	$(BIN)/python -m tests.bench.feeds $(ARGS)

bench-storage: $(READY) ## Bytes a document takes in the store and over the network; DOCUMENTS=200 DATA=...
	$(BIN)/python -m tests.bench.storage --data $(DATA) --documents $(DOCUMENTS)

chaos: $(READY) ## A stream of documents while a random killer does its worst; DURATION=120 seconds, SEED=...
	$(BIN)/python -m tests.system.chaos --duration $(DURATION) $(if $(SEED),--seed $(SEED))

fuzz: $(READY) ## Try to break every reader, SECONDS=300 each; READER=... for one of them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,fuzz]'
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(READER),--reader $(READER))

drill: $(READY) ## Destroy the broker's data, records and artifacts, and have them again; DOCUMENTS=200
	$(BIN)/python -m tests.system.drill --documents $(DOCUMENTS)

reference: $(READY) ## Make docs/configuration.md from the settings
	$(BIN)/python -m services.configuration > docs/configuration.md

DURATION ?= 120
DOCUMENTS ?= 200
DATA ?= ../shared/data

manifests: $(READY) ## Write what deploy/kubernetes takes of deploy/prometheus and deploy/grafana
	$(BIN)/python -m deploy.kubernetes.generate

dashboards: $(READY) ## Write deploy/grafana/dashboards; RUNBOOKS=address where your team reads docs/runbooks
	$(BIN)/python -m deploy.grafana.generate $(if $(RUNBOOKS),--runbooks $(RUNBOOKS))

dashboards-png: $(READY) ## Load an installation and draw its dashboards to docs/images; DURATION=300
	$(BIN)/python -m tests.system.pictures --duration $(DURATION)

soak: $(READY) ## Four fifths of what the machine can do, or RATE=documents/s, for DURATION=1800, judged by Prometheus
	$(BIN)/python -m tests.system.soak --duration $(DURATION) $(if $(RATE),--rate $(RATE)) --summary build/soak.json

fuzz: SECONDS = 300
dashboards-png: DURATION = 300
soak: DURATION = 1800

clean: ## Remove the environment and the embedded installation's data
	rm -rf $(VENV) .efir
