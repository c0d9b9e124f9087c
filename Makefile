# Everything happens in .venv, so that nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The emulator of AWS pins its libraries, and so needs an environment of its own.
MINISTACK_VENV := .venv-ministack
MINISTACK_STAMP := $(MINISTACK_VENV)/.installed

.PHONY: help run test check package

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[aws,dev]'
	touch $(STAMP)

$(MINISTACK_STAMP): constraints-ministack.txt
	$(PYTHON) -m venv $(MINISTACK_VENV)
	$(MINISTACK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r constraints-ministack.txt
	touch $(MINISTACK_STAMP)

run: $(STAMP) ## Open a demo conversation per channel and serve on 127.0.0.1:8000
	$(BIN)/frontdesk demo
	@echo "  (the command is in $(BIN): '. $(BIN)/activate' puts it on your path)"
	$(BIN)/frontdesk serve

test: $(STAMP) $(MINISTACK_STAMP) ## Run every test
	$(BIN)/coverage run -m pytest

check: test ## Every test, lint, format, types, layers, coverage of the rules and use cases
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage report

package: $(STAMP) ## Make build/frontdesk-lambda.zip, for Python 3.13 on arm64
	$(BIN)/python -m deploy.package
