# Targets for people and for continuous integration. `make help` lists them.
# Everything runs in .venv, which .ci/setup makes and repairs.

SHELL := /bin/sh
BIN := .venv/bin
CORES := fsfax/esl/wire.py,fsfax/esl/dialstring.py,fsfax/engine/t30.py,fsfax/engine/causes.py,fsfax/values/outcome.py,fsfax/engine/observations.py,fsfax/engine/transcript.py,fsfax/engine/verdict.py,fsfax/values/results.py,fsfax/engine/watchdog.py,fsfax/engine/plan.py,fsfax/runtime/timezone.py,fsfax/db/states.py,fsfax/jobs/retry.py,fsfax/jobs/ladder.py,fsfax/jobs/destination.py,fsfax/accounts/windows.py,fsfax/db/records.py,fsfax/mail/address.py,fsfax/runtime/sanitize.py,fsfax/mail/auto_reply.py,fsfax/mail/part_selection.py,fsfax/mail/permission.py,fsfax/mail/refusal.py

.DEFAULT_GOAL := help
.PHONY: help setup setup-python setup-tests demo test test-pure test-freeswitch torture lint coverage bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: ## set up .venv and the Debian packages that are missing
	@./.ci/setup

setup-python:
	@./.ci/setup --without-spandsp

setup-tests:
	@./.ci/setup --for-tests

demo: setup ## send a three-page fax over T.38 and compare what arrives
	@$(BIN)/fsfax demo

# Half of the time tests wait (for a line, a lease, another process): twice as many processes as
# two cores. The order is that of tests/conftest.py: what takes longest comes first. Compiled files
# are wanted, whatever the environment says: every process that a test starts would compile anew.
WORKERS := 4
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q

test: setup-tests ## run the tests
	$(PYTEST) -n $(WORKERS) --dist loadscope --no-loadscope-reorder

test-pure: setup-tests ## run the tests that do no I/O: seconds
	$(PYTEST) -m pure

test-freeswitch: setup-tests ## run the end-to-end tests on the real FreeSWITCH that FSFAX_TEST_FREESWITCH names
	@test -n "$$FSFAX_TEST_FREESWITCH" || { echo "FSFAX_TEST_FREESWITCH names no rig: see tests/e2e/rig.py" >&2; exit 2; }
	$(BIN)/python -m pytest -v -m freeswitch

ROUNDS := 200

torture: setup-tests ## kill workers, softswitch and database at random, ROUNDS times on each database
	$(BIN)/python -m tests.torture.torture --rounds $(ROUNDS) --database sqlite
	$(BIN)/python -m tests.torture.torture --rounds $(ROUNDS) --database postgresql

lint: setup-python ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: setup-tests ## run the tests with coverage; the pure cores must be near complete
	$(PYTEST) --cov=fsfax --cov-branch --cov-report=
	$(BIN)/coverage report --skip-covered
	$(BIN)/coverage report --include='$(CORES)' --fail-under=97

bench: setup-tests ## measure against the alternatives, side by side
	@for script in $$(grep -l __main__ tests/bench/*.py); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## remove what was made here
	rm -rf .venv demo-out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage .hypothesis
