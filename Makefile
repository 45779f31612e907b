# One command each for set-up, daily work and checks. Every target sets up what it needs first.
# The work is in scripts/; here stands only what depends on what.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.installed
# Left empty, scripts/find-python.sh takes the first Python of 3.11 or newer.
PYTHON ?=
export PYTHON

# Most long tests wait for real processes, so there are more workers than cores; files go out in the order of their
# names, because acceptance tests are the longest and come first.
SPREAD := -n 5 --dist loadfile --no-loadscope-reorder

# A .venv that was made in another folder points back to it: the stamp holds the folder, and a different one is stale.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
STALE := stale
endif

.PHONY: help setup setup-all lock up demo check test test-aws test-all aws-live aws-live-plan aws-live-clean bench bench-detection clean test-programs stale

help: ## print these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

setup: $(STAMP) ## make .venv and install everything that development and the lab need
	@:
setup-all: setup test-programs ## setup, and the Debian packages that the tests start as real peers

$(STAMP): pyproject.toml requirements.lock scripts/setup.sh scripts/find-python.sh $(STALE)
	@sh scripts/setup.sh

lock: setup ## write requirements.lock anew from pyproject.toml
	@sh scripts/lock.sh

up: setup ## run RecoverOps with recoverops.yaml, or with its defaults
	@$(BIN)/recoverops up

demo: setup ## break a small real application and watch it being repaired
	@$(BIN)/recoverops demo

check: setup ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup test-programs ## every test that is not slow, those of the documentation too
	$(BIN)/pytest -m "not slow" $(SPREAD)

test-aws: setup test-programs ## of these, the AWS plugin against the double of AWS: every action, every permission
	$(BIN)/pytest -m "not slow" $(SPREAD) tests/integration/aws

test-all: setup test-programs ## every test
	$(BIN)/pytest $(SPREAD) --hypothesis-profile thorough

aws-live: setup ## play the live scenes in a REAL AWS account, which COSTS MONEY: docs/aws.md says what has to be set
	@$(BIN)/python -m tests.live.aws run

aws-live-plan: setup ## what aws-live would play, what it costs at most, what it leaves out; asks nobody
	@$(BIN)/python -m tests.live.aws plan

aws-live-clean: setup ## remove what a killed aws-live left in that account, by its tag
	@$(BIN)/python -m tests.live.aws clean

bench: setup ## measure, and print a table
	@$(BIN)/python -m benchmarks.run

bench-detection: setup ## measure detection: how right, how honest, how fast
	@$(BIN)/python -m benchmarks.detection.run --write docs/benchmarks-detection.md

test-programs:
	@sh scripts/debian-packages.sh 'postgresql:/usr/lib/postgresql/*/bin/initdb' \
		prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager prometheus-alertmanager:amtool \
		'nginx:/usr/sbin/nginx' 'systemd:/usr/bin/systemd-analyze' sqlite3:sqlite3

clean: ## remove .venv, caches and built files; never a data directory
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
