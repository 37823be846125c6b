# Everything one does with otpy's source tree. `make help` lists the targets.
#
# Needs Python 3.11 or newer and make; everything else is installed into $(VENV) from the locks in
# requirements/, each time only what the target needs. A stamp file per lock keeps later runs quick.
#
#   make test PYTHON=python3.13 VENV=.venv-3.13     another Python, in an environment of its own
#   make test ARGS="-k supervisor -x"               arguments for the program behind a target

VENV ?= .venv
PYTHON ?=
ARGS ?=
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --quiet

# pip and pyright would otherwise ask the network whether there is a newer one.
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ The two that the README opens with

.PHONY: demo
demo: $(VENV)/base.stamp ## run the main job: a system under load, upgraded live, and one upgrade that rolls itself back
	@$(BIN)/otpy demo $(ARGS)

.PHONY: test
test: $(VENV)/test.stamp ## run the test suite
	@$(BIN)/python -m tools.suite $(ARGS)

##@ Checks

.PHONY: check
check: $(VENV)/dev.stamp ## run all that CI runs, and print a summary
	@MAKE="$(MAKE)" $(BIN)/python -m tools.check $(ARGS)

.PHONY: test-all
test-all: ## run the test suite on every Python from 3.11 to 3.14 that this machine has
	@MAKE="$(MAKE)" ARGS="$(ARGS)" sh tools/test_all.sh

.PHONY: lint
lint: $(VENV)/dev.stamp ## check style and format
	@status=0; $(BIN)/ruff check || status=1; $(BIN)/ruff format --check || status=1; exit $$status

.PHONY: types
# Two versions of a sandbox are modules of one name, so mypy sees one version at a time.
types: $(VENV)/dev.stamp $(VENV)/bench.stamp ## check types, with mypy and with pyright
	@status=0; $(BIN)/mypy || status=1; \
	for version in sandboxes/*/v*; do \
	    $(BIN)/mypy --no-error-summary --cache-dir .mypy_cache/sandboxes $$version || status=1; \
	done; \
	$(BIN)/pyright --pythonpath $(BIN)/python || status=1; \
	$(BIN)/python -m pytest tests/typing/check_types.py || status=1; exit $$status

.PHONY: layers
layers: $(VENV)/dev.stamp ## check which package imports which
	@status=0; $(BIN)/lint-imports --no-cache --no-logo || status=1; \
	$(BIN)/lint-imports --no-cache --no-logo --config tools/import_cycles.toml || status=1; exit $$status

.PHONY: docs
docs: $(VENV)/test.stamp ## check the pages: links, code, and that docs/api.md has every public name
	@$(BIN)/python -m pytest tests/test_docs.py $(ARGS)

.PHONY: conformance
conformance: $(VENV)/test.stamp ## replay the recordings of Erlang and Elixir
	@$(BIN)/python -m tests.oracle $(ARGS)

.PHONY: test-postgres
test-postgres: $(VENV)/test.stamp $(VENV)/postgres.stamp ## run the tests of the store against PostgreSQL, which is installed and started for them
	@$(BIN)/python -m tools.postgres $(ARGS)

.PHONY: pykka-suite
pykka-suite: $(VENV)/test.stamp ## run pykka's own tests with otpy.Actor as a further runtime
	@$(BIN)/python -m tools.pykka_suite $(ARGS)

.PHONY: stress
stress: $(VENV)/test.stamp ## random load, blocking handlers and kills for a while; nothing may be lost
	@$(BIN)/python -m tests.stress $(ARGS)

.PHONY: soak
soak: $(VENV)/test.stamp ## random systems, edits and faults under load for a while: all is new, or all is as before
	@$(BIN)/python -m tests.properties $(ARGS)

.PHONY: reload-every
reload-every: $(VENV)/test.stamp ## run the tests of the behaviours while everything is reloaded after each message
	@$(BIN)/python -m pytest tests/behaviours --reload-every 1 $(ARGS)

.PHONY: matrix
matrix: $(VENV)/test.stamp ## try the 31 edits of the reload matrix, and write docs/reload-matrix.md anew
	@$(BIN)/python -m tests.matrix $(ARGS)

.PHONY: bench
bench: $(VENV)/bench.stamp ## measure otpy beside its peers
	@$(BIN)/python -m benchmarks $(ARGS)

##@ The tree

.PHONY: setup
setup: $(VENV)/dev.stamp $(VENV)/bench.stamp ## install everything that the other targets need

.PHONY: format
format: $(VENV)/dev.stamp ## format the source, and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: api
api: $(VENV)/base.stamp ## write docs/api.md anew, from the docstrings of what is public
	@$(BIN)/python -m tools.api_page

.PHONY: catalogue
catalogue: $(VENV)/base.stamp ## write docs/catalogue.md anew, from the cases of OTP and the comments above the tests
	@$(BIN)/python -m tools.catalogue

.PHONY: lock
lock: ## write the locks in requirements/ anew, with the newest versions that pyproject.toml allows
	@MAKE="$(MAKE)" PYTHON="$(PYTHON)" sh tools/lock.sh

.PHONY: clean
clean: ## remove the virtual environments and everything else that git ignores
	@git clean -fdXq

.PHONY: help
help: ## list the targets
	@awk -f tools/help.awk $(firstword $(MAKEFILE_LIST))

$(BIN)/python:
	@python="$$(sh tools/find_python.sh $(PYTHON))" && \
	    echo "making $(VENV) with $$python" && \
	    { "$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; }

$(VENV)/base.stamp: requirements/base.txt pyproject.toml | $(BIN)/python
	@echo "installing otpy and requirements/base.txt into $(VENV)"
	@$(INSTALL) --require-hashes --requirement requirements/base.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/%.stamp: requirements/%.txt $(VENV)/base.stamp
	@echo "installing requirements/$*.txt into $(VENV)"
	@$(INSTALL) --require-hashes --requirement requirements/$*.txt
	@touch $@

# The type checkers and ruff read the tests and the tools as well, so they need what those import.
$(VENV)/dev.stamp: $(VENV)/test.stamp
