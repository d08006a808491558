# The project's commands. `make run` and `make test` set everything up first; `make` alone lists them all.

SIM ?= icarus
CAPTURE ?=
ARGS ?=
TESTS ?= tests cocotb_tests
PYTEST_ARGS ?=

BIN := .venv/bin
LOCK := build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

export SIM

.DEFAULT_GOAL := help
.PHONY: help run test lint bench formal mutants fpga lock clean setup

help: ## list the commands; PYTHON=FILE names the Python to set up with
	@echo "make COMMAND, where COMMAND is one of"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

run: setup ## replay the bundled capture (or CAPTURE=FILE) into the NIC and its driver; SIM=verilator, native or model; ARGS="more options"
	@$(BIN)/napi-hil run $(CAPTURE) --engine $(SIM) $(ARGS)

test: lint ## style, types and tests, on Icarus or SIM=verilator; CI=true for the slow ones too, LONG=true for the longest; TESTS="files or folders", PYTEST_ARGS="more options"
	@scripts/setup.sh icarus  # other engines are compared with it
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TESTS) $(PYTEST_ARGS)

lint: setup ## style and types only
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

bench: setup ## speed of all engines, with Python attached and without: half an hour, or ARGS="--scale 0.1"
	@$(BIN)/python -m emulator.bench $(ARGS)

formal: setup ## prove properties of the NIC's blocks: ten minutes, or ARGS="NAME... --short"
	@$(BIN)/python -m hdl.formal $(ARGS)

mutants: setup ## seed bugs in the RTL, and see each found by its test: half an hour, or ARGS="part of a file's name"
	@$(BIN)/python -m mutants $(ARGS)

fpga: setup ## synthesise, place and route the NIC for an ECP5-45F, which does not end yet; ARGS=--short to see its memories mapped
	@$(BIN)/python -m hdl.fpga $(ARGS)

lock: setup ## pin the newest allowed versions of all dependencies anew
	@$(BIN)/python -m venv --clear build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) --upgrade --group build --output-file requirements-build.lock
	$(LOCK) --upgrade --all-extras --output-file requirements.lock pyproject.toml

clean: ## remove everything that was made here, the .venv too
	rm -rf .venv build sim_build sim_makefiles/sim_build sim_makefiles/results.xml results.xml napi_hil.egg-info \
	    .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@scripts/setup.sh $(SIM)
