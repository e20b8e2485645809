# Everything here needs Python 3.11 or newer and make; the rest is installed into .venv by the first target that wants it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PHOTOS ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo run test test-all check manifest policies iam-report bench requirements clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## send a picture through the whole platform: make demo PHOTOS="a.jpg b.png"
	@$(BIN)/python -m local demo --start $(ARGS) $(PHOTOS)

run: $(VENV)/ready ## the whole platform on this machine, until Ctrl-C: make run ARGS="--port 9000"
	@exec $(BIN)/python -m local run $(ARGS)

test: $(VENV)/ready check ## lint, types and every test but the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

test-all: $(VENV)/ready check ## the slow ones too
	$(BIN)/python -m pytest -n 2 --hypothesis-profile exploring $(ARGS)

check: $(VENV)/ready ## ruff and mypy on everything, cfn-lint on the template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
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

bench: $(VENV)/ready ## side-by-side benchmarks
	$(BIN)/python -m bench $(ARGS)

requirements: $(VENV)/ready ## pin anew what pyproject.toml asks for
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## remove what was made here
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Darkroom needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing into $(VENV) (once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@touch $@
