PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: check test lint bench qemu clean

# Some bundled designs are meant to fail: exit status 1 (something violated) is the expected outcome here.
check: .venv/installed
	@$(BIN)/cowpath check || test $$? -eq 1

test: .venv/installed lint
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: .venv/installed
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

# Schedules a second, beside a tool from PyPI that nothing else needs.
bench: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python tests/benchmarks/schedules.py

# Another Debian release's QEMU beside the installed one, unpacked: make qemu SUITE=bookworm-backports
SUITE ?= bookworm-backports
qemu:
	@conformance/qemu/unpack-debian $(SUITE) build/qemu-$(SUITE)
	@echo "cowpath qemu --prefix build/qemu-$(SUITE)"

.venv/installed: pyproject.toml
	@test -d .venv || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,native,png]'
	@touch $@

clean:
	rm -rf .venv build *.egg-info
