# `make help` lists the commands. Each prints what it does, stops at the first failure and can be run again.
PYTHON ?= python3
TORCH ?= cpu
TORCH_INDEX ?=
VENV ?= .venv
PORT ?= 8888
NB ?=

RUN := $(VENV)/bin/python
READY := $(VENV)/.installed
# Notebooks and tests run two at a time, one thread each: faster than one with two, and timings hold.
ONE_THREAD := OMP_NUM_THREADS=1 COURSE_THREADS=1
# What lessons trained under nbval, from a cold start; JupyterLab runs them again with a copy.
LENT := $(CURDIR)/.cache/lent-to-tests
LEND := COURSE_TEST_CACHE=$(LENT)
# JupyterLab refuses to run as root unless told to; containers are root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root,)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lab test check lint units lessons browser latency notebooks bench lock clean

help:  ## this list
	@echo "Commands (options: PYTHON=python3.12, TORCH=cpu|gpu, TORCH_INDEX=…, VENV=…, PORT=…):"
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py --venv $(VENV) --torch $(TORCH) $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))
	@touch $@

setup: $(READY)  ## make .venv with the locked versions

lab: $(READY)  ## open JupyterLab on lesson 00 (set up first if needed)
	@echo "Opening JupyterLab on lesson 00. Stop it with Ctrl-C twice."
	@$(RUN) -m jupyter lab $(AS_ROOT) --config=tools/jupyter_server_config.py --ServerApp.ip=127.0.0.1 --ServerApp.port=$(PORT) \
		--ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks/00_welcome.ipynb

test: $(READY) lint units lessons browser  ## everything: lint, unit tests, every lesson, the browser
	@echo "All tests passed."

check: $(READY) lint  ## the quick part, under two minutes
	@echo "Unit tests, without the slow ones ..."
	@$(ONE_THREAD) $(RUN) -m pytest tests -n 2 -m "not slow and not browser"

lint: $(READY)  ## style, types, and notebooks that agree with their sources
	@echo "Style and types ..."
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) tools/build_notebooks.py --check

units: $(READY)  ## unit tests
	@echo "Unit tests ..."
	@rm -rf $(LENT)
	@$(ONE_THREAD) $(LEND) $(RUN) -m pytest tests -n 2 --maxschedchunk 1 -m "not browser"

lessons: $(READY)  ## run every lesson in a fresh kernel and compare what it printed
	@echo "Lessons ..."
	@$(ONE_THREAD) $(LEND) CI=true $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=300 --timeout=600 notebooks

browser: $(READY)  ## drive JupyterLab in Chromium
	@echo "Browser tests ..."
	@$(ONE_THREAD) $(LEND) $(RUN) -m pytest tests/browser -n 2 --dist loadgroup -m "browser and not latency"

latency: $(READY)  ## hold key press to new pixels against the budgets, on an idle machine
	@$(RUN) -m pytest tests/browser -m latency --capture=no

notebooks: $(READY)  ## rebuild lessons from notebooks/src (NB=01 for one)
	@$(RUN) tools/build_notebooks.py $(NB)
	@$(RUN) tools/update_readme.py

bench: $(READY)  ## measure against other implementations, side by side
	@$(RUN) benchmarks/run.py

lock: $(READY)  ## refresh requirements.lock to the newest versions that pyproject.toml admits
	@$(RUN) -m pip install --quiet uv
	@# torch brings the GPU libraries of its own build; a CPU build needs none, so the lock names none.
	@$(RUN) -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate --quiet | grep -vE '^(nvidia-|cuda-|triton)' > requirements.lock
	@echo "requirements.lock refreshed; now run make test."

clean:  ## remove the environment and caches (your progress is in .cache and goes too)
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
