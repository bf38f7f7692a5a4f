# Everything runs from a clean clone: each target makes the virtual environment it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.odqa-ready

.PHONY: help setup compare test lint types unit notebooks speed schema lock clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## Make the virtual environment and install the locked packages.

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/setup.sh
	@touch $@

compare: $(READY)  ## Compare the embedded pipelines: table, MLflow run, report folder.
	$(BIN)/odqa compare

lint: $(READY)  ## Style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## Static types.
	$(BIN)/mypy

unit: $(READY)  ## Unit and conformance tests, two at a time.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests

notebooks: $(READY)  ## Execute the notebooks and check what they show.
	$(BIN)/python -m pytest tests/test_notebooks.py

speed: $(READY)  ## Time RETRO against a peer, ranking and generation (quiet machine, ten minutes).
	PYTHON=$(BIN)/python sh eval/speed/run.sh .speed-peer

test: lint types unit  ## Everything that must pass before a commit.

schema: $(READY)  ## Write the JSON Schemas that the comment line of every spec names.
	$(BIN)/odqa schema pipeline > pipelines/schema.json
	$(BIN)/odqa schema benchmark > eval/schema.json

lock: $(READY)  ## Write the installed versions to requirements.lock (after changing pyproject.toml).
	sh scripts/lock.sh $(BIN)/python

clean:  ## Remove the virtual environment and caches of tools.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
