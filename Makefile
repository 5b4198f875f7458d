# `make demo` and `make test` set up everything they need, in .venv/ of this folder.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

ifneq ($(wildcard ../shared/data),)
export NAPARI_CELLCYCLE_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test test-core test-gui lint pictures clean

demo: .venv/.base  ## classify and evaluate the shipped sample
	$(BIN)/napari-cellcycle demo -o demo

test: test-core test-gui  ## all tests

test-core: .venv/.test  ## without Qt
	$(BIN)/python -m pytest -p no:napari --ignore=tests/gui

test-gui: .venv/.test  ## the widgets, on a virtual screen
	env -u QT_QPA_PLATFORM xvfb-run -a -s "-screen 0 1600x1000x24" $(BIN)/python -m pytest tests/gui

lint: .venv/.test  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pictures: .venv/.test  ## take the screenshots of README and docs again
	env -u QT_QPA_PLATFORM xvfb-run -a -s "-screen 0 1600x1000x24" $(BIN)/python docs/make_pictures.py

.venv/.base: pyproject.toml setup.cfg constraints.txt
	sh .ci/system-packages.sh demo $(PYTHON)
	$(PYTHON) -m venv .venv
	$(PIP) install -q -c constraints.txt -e .
	touch $@

.venv/.test: .venv/.base
	sh .ci/system-packages.sh test $(PYTHON)
	$(PIP) install -q -c constraints.txt -e ".[test]"
	touch $@

clean:
	rm -rf .venv demo build dist
