# Two commands for everybody: `make run` and `make test`. The others are for those who work here.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := examples/sales_orders.csv

.PHONY: help run test setup system check format lint types imports unit gates reference bench screenshots lock clean

help:             ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: setup        ## the example: from a file to a report
	@$(BIN)/harness run $(EXAMPLE) --home .harness

test: setup system check unit   ## everything that must pass, fastest first

setup: $(VENV)/.ready

$(VENV)/.ready: deploy/requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; for another, type: make PYTHON=python3.12" >&2; exit 2; }
	@echo "Setting up $(VENV) (once, about a minute)…" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

system:           # the browser of the browser tests, where it is missing and we may install it
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  { echo "The browser tests need Debian's chromium: sudo apt-get install chromium" >&2; exit 2; }

check: lint types imports       ## format, lint, types, layers

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

format: setup     ## put the code in form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup
	@$(BIN)/mypy harness_core harness_worker harness_api
	@for plugin in plugins/*/; do MYPYPATH=$$plugin $(BIN)/mypy --no-error-summary $$plugin || exit 1; done

imports: setup
	@$(BIN)/lint-imports --no-cache

unit: setup
	@$(BIN)/pytest -n "$$(( $$(nproc) + 1 ))" --dist loadfile --no-loadscope-reorder  # one more than cores: many tests wait

gates: setup      ## performance as ratios against raw tools, held against benchmarks/gates.toml; about a minute
	@$(BIN)/python benchmarks/gates.py

reference: setup  ## scores on the reference data in $HARNESS_REFERENCE_DATA, beside published ones
	@$(BIN)/pytest tests/reference -m reference -s

bench: setup      ## figures, as ratios against the raw tools in the same run
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

screenshots: setup system  ## docs/images, from a real run of the example in a real browser
	@$(BIN)/python -m tests.browser.screenshots docs/images

lock: setup       ## resolve the dependencies anew, with hashes
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet pyproject.toml -o deploy/requirements.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet pyproject.toml --group dev -o deploy/requirements-dev.txt

clean:            ## remove what can be made again
	@rm -rf $(VENV) .harness .mypy_cache .ruff_cache .pytest_cache dist build
