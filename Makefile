# The first of these that runs and is new enough. Another one: make PYTHON=/path/to/python check
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: check test pytest lint docs expectations bench qemu clean

# Some bundled designs are meant to fail: exit status 1 (something violated) is the expected outcome here.
check: .venv/installed
	@$(BIN)/cowpath check || test $$? -eq 1

# Side by side: lint needs one core, and the tests begin slowly.
test: .venv/developing
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: .venv/developing
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: .venv/developing
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

# The pages of docs/, in build/docs/.
docs: .venv/developing
	@$(INSTALL) -e '.[docs]'
	@$(BIN)/python -m sphinx -q -W -b html docs build/docs

# What tests/expected/ says of every bundled design; read the difference before it is committed.
expectations: .venv/developing
	@$(BIN)/python -m tests.expectations

# Schedules a second, beside a tool from PyPI that nothing else needs.
bench: .venv/developing
	@$(INSTALL) -e '.[bench]'
	@$(BIN)/python tests/benchmarks/schedules.py

# Another Debian release's QEMU beside the installed one, unpacked: make qemu SUITE=bookworm-backports
SUITE ?= bookworm-backports
qemu:
	@conformance/qemu/unpack-debian $(SUITE) build/qemu-$(SUITE)
	@echo "cowpath qemu --prefix build/qemu-$(SUITE)"

# What `cowpath check` runs on, and no more.
.venv/installed: pyproject.toml .venv/python
	@$(INSTALL) -e .
	@touch $@

.venv/developing: pyproject.toml .venv/python
	@$(INSTALL) -e '.[dev,native,png]'
	@touch $@ .venv/installed

.venv/python:
	@test -n "$(PYTHON)" || { echo "no Python from 3.11 on found; say which: make PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@touch $@

clean:
	rm -rf .venv build *.egg-info
