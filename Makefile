# Everything happens in .venv, so that nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# Files with these hashes alone. What needs what, was settled when they were looked up.
PIP_HASHED := $(PIP_INSTALL) --require-hashes --no-deps
HASHED := constraints/hashed
# The project itself has no hash: it is installed last, when it needs nothing more.
PIP_PROJECT := $(PIP_INSTALL) --no-deps --no-build-isolation
SERVER := $(HASHED)/build.txt $(HASHED)/server.txt
EVERYTHING := $(SERVER) $(HASHED)/aws.txt $(HASHED)/dev.txt
# Python compiles what is imported. To compile everything takes longer than to install it.
PIP_TOOLS := $(PIP_HASHED) --no-compile
# The emulator of AWS pins its libraries, and so needs an environment of its own.
MINISTACK_VENV := .venv-ministack
MINISTACK_STAMP := $(MINISTACK_VENV)/.installed
# What deploys pins other versions than the project does.
SAM_VENV := .venv-sam
SAM_STAMP := $(SAM_VENV)/.installed
# What searches for crashes is built for few versions of Python.
FUZZ_VENV := .venv-fuzz
FUZZ_STAMP := $(FUZZ_VENV)/.installed
# What Frontdesk is compared with, as its users install it.
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
# What builds and describes a release.
RELEASE_VENV := .venv-release
RELEASE_STAMP := $(RELEASE_VENV)/.installed
SECONDS ?= 60
# The tests that cover the rules and the use cases.
RULES := tests/domain tests/application tests/infrastructure/memory
# Five for two cores: some tests only wait, until a server gives up.
PROCESSES := $(addprefix test-process-,1 2 3 4 5)
BY_HAND = { echo "audit failed: mend what is found above; what cannot be looked up, look up by hand: see SECURITY.md" >&2; exit 1; }

.PHONY: help environments run test test-rules $(PROCESSES) check types crash-test duplicates-test soak audit fuzz bench bench-smoke console-test screenshots hashes contents release release-check base-digest package deploy deploy-local settings stage-is-given

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml $(SERVER)
	@echo "Installing Frontdesk into $(VENV) (once, about a minute) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_HASHED) $(SERVER:%=-r %)
	$(BIN)/python $(PIP_PROJECT) -e .
	touch $(STAMP)

# Holds everything that the other one does: after it, that one is up to date too.
$(DEV_STAMP): pyproject.toml $(EVERYTHING)
	@echo "Installing Frontdesk and what its tests need into $(VENV) (once, about two minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_HASHED) $(EVERYTHING:%=-r %)
	$(BIN)/python $(PIP_PROJECT) -e .
	touch $(STAMP) $(DEV_STAMP)

$(MINISTACK_STAMP): $(HASHED)/ministack.txt
	@echo "Installing the emulator of AWS into $(MINISTACK_VENV) (once) ..."
	$(PYTHON) -m venv $(MINISTACK_VENV)
	$(MINISTACK_VENV)/bin/python $(PIP_TOOLS) -r $(HASHED)/ministack.txt
	touch $(MINISTACK_STAMP)

$(SAM_STAMP): $(HASHED)/sam.txt
	@echo "Installing what deploys into $(SAM_VENV) (once) ..."
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python $(PIP_TOOLS) -r $(HASHED)/sam.txt
	touch $(SAM_STAMP)

# Downloads wait: together they take half as long.
environments: $(DEV_STAMP) $(MINISTACK_STAMP) $(SAM_STAMP) $(BENCH_STAMP)

run: $(STAMP) ## Open a demo conversation per channel and serve on 127.0.0.1: make run [PORT=8000]
	$(BIN)/frontdesk demo $(PORT:%=--url http://127.0.0.1:%)
	@echo "  (the command is in $(BIN): '. $(BIN)/activate' puts it on your path)"
	$(BIN)/frontdesk serve $(PORT:%=--port %)

# What is compiled is kept, whatever the environment says: dozens of processes compile it otherwise.
export PYTHONDONTWRITEBYTECODE :=
# The tests call make, too.
PYTEST := env -u MAKEFLAGS -u MAKELEVEL $(BIN)/python -m pytest
TAKEN := $(VENV)/taken
NEW_RUN = rm -rf $(TAKEN) && mkdir -p $(TAKEN)

# pytest clears away what older runs have left, and two that do so at once disturb each other.
OWN_FOLDER = folder=$$(mktemp -d) &&
IN_IT = --basetemp=$$folder/tests && { rm -rf $$folder || true; }

# Tracing takes half as long again, so it is for the tests of what must be covered.
test-rules:
	$(OWN_FOLDER) $(BIN)/coverage run -m pytest $(RULES) $(IN_IT)

# Each takes the next file that no other has taken; their dots come in turn.
$(PROCESSES):
	$(OWN_FOLDER) $(PYTEST) -q -o console_output_style=classic --share=$(TAKEN) $(FORM) $(RULES:%=--ignore=%) $(IN_IT)

test: $(DEV_STAMP) $(MINISTACK_STAMP) $(SAM_STAMP) ## Run every test, the fault runs in their short form
	$(NEW_RUN)
	$(MAKE) --jobs 5 test-rules $(PROCESSES)

check: $(DEV_STAMP) $(MINISTACK_STAMP) $(SAM_STAMP) ## After the tests: lint, format, types, layers, coverage of the rules and use cases, the long form of the fault runs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(SAM_VENV)/bin/sam validate --lint --template deploy/template.yaml
	$(SAM_VENV)/bin/cfn-lint deploy/template.yaml
	$(BIN)/coverage report
	$(NEW_RUN)
	$(MAKE) --jobs 6 types $(PROCESSES) FORM='-m long'

types:
	$(BIN)/mypy

crash-test: $(DEV_STAMP) $(MINISTACK_STAMP) ## Kill the process at every point, then 10,000 times at random; on AWS less often
	$(BIN)/python -m tests.faults.crash_main --every-point
	$(BIN)/python -m tests.faults.crash_main --aws --every-point
	$(BIN)/python -m tests.faults.crash_main --aws --runs 200
	$(BIN)/python -m tests.faults.crash_main --runs 10000

duplicates-test: $(DEV_STAMP) $(MINISTACK_STAMP) ## Post 10,000 copies of one webhook to several servers at once
	DUPLICATES=10000 $(BIN)/pytest -q -m long tests/faults/test_duplicates.py

soak: $(DEV_STAMP) ## Ten minutes of webhooks to a server that is killed again and again
	$(BIN)/python -m benchmarks.soak

$(RELEASE_STAMP): $(HASHED)/build.txt $(HASHED)/release.txt
	@echo "Installing what builds a release into $(RELEASE_VENV) (once) ..."
	$(PYTHON) -m venv $(RELEASE_VENV)
	$(RELEASE_VENV)/bin/python $(PIP_HASHED) -r $(HASHED)/build.txt -r $(HASHED)/release.txt
	touch $(RELEASE_STAMP)

hashes: $(RELEASE_STAMP) ## After a change of dependencies or of constraints/*.txt: look up the hashes of what is installed
	$(RELEASE_VENV)/bin/python -m deploy.release.hashes

contents: $(DEV_STAMP) ## Accept what a release holds now: write the lists that it is compared with
	$(BIN)/python -m deploy.release.lists

release: $(DEV_STAMP) $(RELEASE_STAMP) ## Build wheel, source and SBOM, and check what they hold and that they work
	$(BIN)/python -m deploy.release.check

release-check: release ## make release; what function and image hold, and that the image's base has a digest
	$(BIN)/python -m deploy.release.function
	$(BIN)/python -m deploy.release.image
	$(BIN)/python -m deploy.release.base --check

base-digest: $(DEV_STAMP) ## Write the digest of the image's base, as the registry has it now, into Containerfile
	$(BIN)/python -m deploy.release.base

audit: ## Look for known vulnerabilities of the pinned dependencies
	$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python $(PIP_INSTALL) pip-audit || $(BY_HAND)
	@for file in constraints/*.txt; do \
		.venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r $$file || $(BY_HAND); done

$(FUZZ_STAMP): pyproject.toml $(EVERYTHING) $(HASHED)/fuzz.txt
	@echo "Installing what searches for crashes into $(FUZZ_VENV) (once) ..."
	$(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python $(PIP_HASHED) $(EVERYTHING:%=-r %) -r $(HASHED)/fuzz.txt
	$(FUZZ_VENV)/bin/python $(PIP_PROJECT) -e .
	touch $(FUZZ_STAMP)

fuzz: $(FUZZ_STAMP) ## Search for crashes, a minute for each target: make fuzz [SECONDS=600]
	for target in twilio_form mail_form raw_mail lambda_event http_request; do \
		$(FUZZ_VENV)/bin/python -m tests.fuzz.run $$target $(SECONDS) || exit 1; done

$(BENCH_STAMP): $(HASHED)/bench.txt
	@echo "Installing what Frontdesk is compared with into $(BENCH_VENV) (once) ..."
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python $(PIP_TOOLS) -r $(HASHED)/bench.txt
	touch $(BENCH_STAMP)

bench: $(DEV_STAMP) $(MINISTACK_STAMP) $(BENCH_STAMP) ## Measure beside other programs, ten minutes, and write benchmarks/README.md
	$(BIN)/python -m benchmarks.suite

bench-smoke: $(DEV_STAMP) $(MINISTACK_STAMP) $(BENCH_STAMP) ## Every measurement once and little: does it run, do the counts hold
	$(BIN)/python -m benchmarks.suite --smoke

check: bench-smoke

package: $(DEV_STAMP) ## Make build/frontdesk-lambda.zip, for Python 3.13 on arm64
	$(BIN)/python -m deploy.package

stage-is-given:
	@test -n "$(STAGE)" || { echo "say which stage, like STAGE=prod" >&2; exit 2; }

deploy: stage-is-given package $(SAM_STAMP) ## Deploy to AWS: make deploy STAGE=prod [PARAMETERS="AlarmEmail=..."]
	$(BIN)/python -m deploy.stack $(STAGE) $(PARAMETERS)

deploy-local: $(DEV_STAMP) $(MINISTACK_STAMP) $(SAM_STAMP) ## Deploy to an emulator of AWS on 127.0.0.1:4566, and wait for Ctrl-C
	$(BIN)/python -m deploy.local $(PARAMETERS)

settings: stage-is-given $(DEV_STAMP) ## Print a stage's settings for the frontdesk command: make settings STAGE=prod
	@$(BIN)/python -m deploy.environment $(STAGE)

console-test: $(DEV_STAMP) ## The console in a real browser: needs Chromium, on Debian 'apt-get install chromium'
	$(NEW_RUN)
	$(MAKE) --jobs 4 $(PROCESSES) FORM='-m browser tests/console'

screenshots: $(DEV_STAMP) ## Renew the pictures of the console in README and docs: needs Chromium
	$(BIN)/python -m tests.console.screenshots
