# Everything runs from a clean clone: each target makes the virtual environment it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.odqa-ready
# A second environment, with transformers 5 and without colbert-ai, which stops at 4.57.
NEXT   := .venv-next
NEXT_READY := $(NEXT)/.odqa-ready
# Each environment takes one of the two builds of torch.
TORCH_LOCKS := requirements-torch-cpu.lock requirements-torch-cuda.lock

.PHONY: help setup compare test test-next lint types unit notebooks speed schema lock lock-next audit licences clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## Make the virtual environment and install the locked packages.

$(READY): requirements.lock $(TORCH_LOCKS) pyproject.toml scripts/setup.sh
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/setup.sh
	@touch $@

$(NEXT_READY): requirements-next.lock $(TORCH_LOCKS) pyproject.toml scripts/setup.sh
	PYTHON=$(PYTHON) VENV=$(NEXT) LOCK=requirements-next.lock sh scripts/setup.sh
	@touch $@

compare: $(READY)  ## Compare the embedded pipelines: table, MLflow run, report folder.
	$(BIN)/odqa compare

lint: $(READY)  ## Style, formatting, and known flaws of locked packages.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python scripts/audit.py

audit: $(READY)  ## Compare the lock files with the known advisories in scripts/advisories.json.
	$(BIN)/python scripts/audit.py

licences: $(READY)  ## Write docs/licences.md from the metadata of the locked packages.
	$(BIN)/python scripts/licences.py

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

test-next: $(NEXT_READY)  ## The unit tests with transformers 5 and current sentence-transformers.
	OMP_NUM_THREADS=1 $(NEXT)/bin/python -m pytest -n 2 --dist loadfile tests

lock: $(READY)  ## Write the installed versions, with hashes, to requirements.lock (after changing pyproject.toml).
	sh scripts/lock.sh $(BIN)/python
	$(BIN)/python scripts/licences.py

lock-next: $(NEXT_READY)  ## The same of .venv-next, to requirements-next.lock.
	sh scripts/lock.sh $(NEXT)/bin/python requirements-next.lock

clean:  ## Remove the virtual environments and caches of tools.
	rm -rf $(VENV) $(NEXT) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
