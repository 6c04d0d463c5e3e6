# Targets for people and for CI. Everything runs in a virtual environment made from constraints.txt.
PYTHON ?= python3
VENV ?= .venv
OUT ?= out
# A folder of meshes and options of `necgs encode` for `make bench`
MESHES ?= examples/meshes
ENCODE ?= --error 0.1%

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench clean

help: ## show this list
	@echo "make targets (VENV=$(VENV)):"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "necgs needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --no-build-isolation -c constraints.txt -e '.[dev]'
	@touch $@

install: $(READY) ## make the virtual environment, with the tool in it

demo: $(READY) ## compress the example meshes, decode them, show errors and a picture
	$(BIN)/python examples/demo.py --out $(OUT)

test: $(READY) ## run the tests
	$(BIN)/python -m pytest

lint: $(READY) ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY) ## let ruff order imports and lay out the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## measure encode and decode of MESHES=folder (see benchmarks/README.md)
	$(BIN)/python benchmarks/roundtrip.py $(MESHES) --out $(OUT)/bench -- $(ENCODE)

clean: ## remove what the targets made, but the virtual environment
	rm -rf $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
