# Everything a developer or a curious visitor runs. Needs Python 3.11 or later and make; the rest is fetched into .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help up down status logs test lint format bench chaos alerts docs setup compose-test terraform-checks clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Letterbox needs Python 3.11 or later (PYTHON=... chooses one)."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (the first time takes a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . > $(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@touch $(STAMP)

up: $(STAMP) ## Start the whole system on this machine (MONITORING=1: with Prometheus and so on); prints addresses and the owner's key
	@LETTERBOX_MONITORING=$(or $(MONITORING),$(LETTERBOX_MONITORING)) $(BIN)/letterbox up

down: $(STAMP) ## Stop it
	@$(BIN)/letterbox down

status: $(STAMP) ## Show each part: running, healthy, where
	@$(BIN)/letterbox status

logs: $(STAMP) ## Show the last lines of every part's log (NAME=ingest for one)
	@$(BIN)/letterbox logs $(NAME)

test: $(STAMP) ## Run all tests on real servers, WORKERS=2 files at a time
	@$(BIN)/python -m pytest -n $(or $(WORKERS),2) --no-loadscope-reorder $(ARGS)

lint: $(STAMP) ## Check style, types, imports, and that generated docs are fresh
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m scripts.generate_docs --check

format: $(STAMP) ## Format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

chaos: $(STAMP) ## Kill every part at random under load, MINUTES=5 long, and account for everything
	@$(BIN)/python -m tests.faults.chaos --minutes $(or $(MINUTES),5)

alerts: $(STAMP) ## Break everything once in real time, and measure what is told (ARGS="--compress 30" is faster)
	@$(BIN)/python -m tests.alerts $(ARGS)

bench: $(STAMP) ## Measure speed and memory as ratios against baselines
	@$(BIN)/python -m bench $(ARGS)

docs: $(STAMP) ## Write the pages that are generated from code
	@$(BIN)/python -m scripts.generate_docs

compose-test: $(STAMP) ## Bring docker-compose.yml up on images made here, test it, and deploy to a host
	@$(BIN)/python -m pytest tests/compose tests/deploy $(ARGS)

setup: ## Write .env and secrets/ for docker compose, once (ARGS="--domain example.org --owner me@example.org")
	@$(PYTHON) -m letterbox.setup $(ARGS)

terraform-checks: $(STAMP) ## Install what tests/unit/test_terraform_checks.py needs, apart from the rest
	@test -x $(VENV)/terraform/bin/checkov || { $(PYTHON) -m venv $(VENV)/terraform && $(VENV)/terraform/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/terraform-ec2/checks-requirements.txt; }

clean: ## Remove the virtual environment (never your data)
	rm -rf $(VENV)
