# Everything a person or CI runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
VENV := .venv
PY := $(VENV)/bin/python
LOCKS := requirements/base.txt requirements/dev.txt requirements/sdk.txt
PYTHON ?= python3.11
unexport DJANGO_SETTINGS_MODULE
# Checks must not depend on what a developer keeps in .env or on services that happen to run
CHECK_ENV := DATA_DIR=.data/check
PRODUCTION_ENV := PRODUCTION=true DEBUG=false ALLOWED_HOSTS=arbsite.example \
	SECRET_KEY=$$($(PY) -c "import secrets; print(secrets.token_urlsafe(60))") \
	JWT_SIGNING_KEY=$$($(PY) -c "import secrets; print(secrets.token_urlsafe(60))") \
	DATABASE_URL=postgresql://arbsite:nobody@db.example/arbsite REDIS_URL=rediss://cache.example/0 LOG_FORMAT=json
WORKERS ?= 3

.PHONY: help setup demo test check check-long fix bench clean lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready ## make .venv with the pinned packages

$(VENV)/.ready: $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 is needed: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==0.13.9 2>/dev/null || true
	@if $(PY) -m uv --version >/dev/null 2>&1; then \
		$(PY) -m uv pip install --quiet --python $(PY) --require-hashes -r requirements/base.txt -r requirements/dev.txt; \
	else \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt -r requirements/dev.txt; \
	fi
	@$(PY) -m pip install --quiet --disable-pip-version-check --ignore-requires-python --no-deps --require-hashes -r requirements/sdk.txt
	@touch $@

demo: setup ## run the whole system on the sandbox exchange; SECONDS=60 ends by itself
	@$(PY) manage.py demo $(if $(filter command line environment override,$(origin SECONDS)),--seconds $(SECONDS))

test: setup ## the whole suite, on its own PostgreSQL and Redis (or DATABASE_URL and REDIS_URL)
	@$(PY) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not long"

check: setup ## what CI runs: format, lint, types, imports, migrations, deploy check, tests, coverage
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy arbsite markets signals execution alerts
	$(VENV)/bin/lint-imports
	$(CHECK_ENV) $(PY) -W ignore manage.py makemigrations --check --dry-run
	$(PRODUCTION_ENV) $(PY) manage.py check --deploy --fail-level WARNING
	rm -f .coverage .coverage.*
	$(PY) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not long" --cov --cov-report=
	$(PY) -m coverage report --fail-under=75 | tail -3

check-long: setup ## long fault runs, soaks and load (many minutes)
	$(PY) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m long --timeout 1800

fix: setup ## format and mend what can be mended
	$(PY) -m ruff check --fix . || true
	$(PY) -m ruff format .

bench: setup ## measure, as ratios, into bench.json
	$(PY) manage.py bench

clean: ## remove what was made: .venv, data, caches
	rm -rf $(VENV) .data .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* bench.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: setup ## pin the requirements again
	$(PY) -m uv pip compile --quiet --generate-hashes --python-version 3.11 requirements/base.in -o requirements/base.txt
	$(PY) -m uv pip compile --quiet --generate-hashes --python-version 3.11 -c requirements/base.txt requirements/dev.in -o requirements/dev.txt
