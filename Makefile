# Everything happens in .venv, so that nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help run test check

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

run: $(STAMP) ## Open a demo conversation per channel and serve on 127.0.0.1:8000
	$(BIN)/frontdesk demo
	@echo "  (the command is in $(BIN): '. $(BIN)/activate' puts it on your path)"
	$(BIN)/frontdesk serve

test: $(STAMP) ## Run every test
	$(BIN)/coverage run -m pytest

check: test ## Every test, lint, format, types, layers, coverage of the rules and use cases
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage report
