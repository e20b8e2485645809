# Everything here needs Python 3.11 or newer and make. The first target that needs packages installs them into .venv:
# what requirements-local.txt lists for `demo` and `run`, what requirements-dev.txt adds for all others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := tests/npm/node_modules/.package-lock.json
PIN = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header $(ARGS)
PHOTOS ?=
MINUTES ?= 5
ARGS ?=

# Without bytecode each start of Python compiles a thousand modules anew, for two seconds. Images of containers set it.
unexport PYTHONDONTWRITEBYTECODE

# The parts of `check`, and npm's installation, run side by side.
MAKEFLAGS += --jobs=2

.DEFAULT_GOAL := help
.PHONY: help demo run test test-browser test-all check lint types template manifest policies iam-report gallery bench fuzz requirements clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/local ## send a picture through the whole platform: make demo PHOTOS="a.jpg b.png"
	@$(BIN)/python -m local demo --start $(ARGS) $(PHOTOS)

run: $(VENV)/local ## the whole platform on this machine, until Ctrl-C: make run ARGS="--port 9000"
	@exec $(BIN)/python -m local run $(ARGS)

test: $(VENV)/ready check $(NPM) ## lint, types and every test but the slow ones
	$(BIN)/python -m pytest -n 3 -m "not slow and not browser" $(ARGS)

test-browser: $(VENV)/ready $(NPM) ## the page in a real browser (Debian: apt-get install chromium)
	$(BIN)/python -m pytest tests/browser -n 2 $(ARGS)

test-all: $(VENV)/ready check $(NPM) ## the slow ones too
	$(BIN)/python -m pytest -n 2 --hypothesis-profile exploring $(ARGS)

check: types lint template ## ruff and mypy on everything, cfn-lint on the template

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

template: $(VENV)/ready
	$(BIN)/python -m infra.template > $(VENV)/template.json && $(BIN)/cfn-lint $(VENV)/template.json

manifest: $(VENV)/ready ## one line for each trigger: who may call it, and what it may access
	@$(BIN)/python -m infra manifest

policies: $(VENV)/ready ## name new resources in .chalice/config.json; generate each function's IAM policy from its grants
	@$(BIN)/python -m infra policies

iam-report: $(VENV)/ready ## compare declared grants with those that the journey tests use
	@rm -f $(VENV)/rights.jsonl
	RIGHTS_COLLECTED=$(VENV)/rights.jsonl $(BIN)/python -m pytest tests/journeys -n 2 -m "not slow" $(ARGS)
	RIGHTS_COLLECTED=$(VENV)/rights.jsonl $(BIN)/python -m pytest tests/journeys/rights -k uses_all -m slow $(ARGS)
	@$(BIN)/python -m infra iam-report $(VENV)/rights.jsonl

gallery: $(VENV)/ready ## draw the contact sheets of docs/presets.md anew
	$(BIN)/python -m tests.gallery

bench: $(VENV)/ready ## side-by-side benchmarks
	$(BIN)/python -m bench $(ARGS)

fuzz: $(VENV)/ready ## damaged pictures of all formats through the image functions: make fuzz MINUTES=5
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

requirements: $(VENV)/local ## pin what pyproject.toml asks for; all anew: make requirements ARGS=--upgrade
	$(PIN) --group functions -o requirements.txt
	$(PIN) --group local -c requirements.txt pyproject.toml -o requirements-local.txt
	$(PIN) --group dev -c requirements-local.txt pyproject.toml -o requirements-dev.txt

clean: ## remove what was made in this folder
	rm -rf $(VENV) tests/npm/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/local: requirements.txt requirements-local.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Darkroom needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) local/install.py $(VENV) requirements-local.txt
	@touch $@

$(VENV)/ready: $(VENV)/local requirements-dev.txt
	@$(PYTHON) local/install.py $(VENV) requirements-dev.txt
	@touch $@

$(NPM): $(VENV)/ready tests/npm/package-lock.json
	@echo "Installing the npm packages of the tests …"
	@$(BIN)/python -m tests.node
	@touch $@
