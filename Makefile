# `make demo` and `make test` set up everything they need, in .venv/ of this folder.

PYTHON ?= python3
BIN := .venv/bin
# Python compiles what it imports; to compile all of torch and napari beforehand takes longer than the tests of a room.
# What it compiled must be kept for that, or each process compiles it again: torch alone costs 4 seconds a time.
export PYTHONDONTWRITEBYTECODE :=
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install -q --no-compile -c constraints.txt
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal
# One thread for numpy too: napari's plugin for pytest imports it before a test file could say so
ON_SCREEN := env -u QT_QPA_PLATFORM OMP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1600x1000x24"

ifneq ($(wildcard ../shared/data),)
export NAPARI_CELLCYCLE_DATA ?= $(abspath ../shared/data)
endif

export QT_API ?= pyside6

.PHONY: demo test test-pyside6 test-core test-gui test-pyqt6 test-oldest test-newest lint lock pictures site clean

demo: .venv/.base  ## classify and evaluate the shipped sample
	$(BIN)/napari-cellcycle demo -o demo

test: test-pyside6 test-pyqt6  ## all tests

# One run for all rooms, as each of its processes imports torch, Qt and napari once
test-pyside6: .venv/.test  ## all tests, on a virtual screen
	$(ON_SCREEN) $(PYTEST)

test-core: .venv/.test  ## without Qt
	$(PYTEST) -p no:napari --ignore=tests/gui

test-gui: .venv/.test  ## the widgets, on a virtual screen
	$(ON_SCREEN) $(PYTEST) tests/gui

# What differs between the Qt bindings: each form and each state of the docks; what a training learns does not
PYQT6_TESTS := test_form or empty_dock or settings or counted or curves or closing or closed_dock or cancel_stops \
	or samples_are_shown or training_shows_samples or needs_no_training or percent or legend or click or undone \
	or saved_table or two_models or theme or shows_channels or ends_as_a_model or mend or name or goes_away

test-pyqt6: .venv/.test  ## the forms and docks with the other Qt binding
	QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(ON_SCREEN) $(BIN)/python -m pytest tests/gui/widgets tests/gui/docks -k "$(PYQT6_TESTS)"

# The lowest versions that pyproject.toml allows, and the newest of all, each in an environment of its own. uv takes torch
# from PyPI, on Linux 3 GB with CUDA, unless UV_EXTRA_INDEX_URL names an index with CPU builds.
RESOLUTION_oldest := lowest-direct
RESOLUTION_newest := highest

test-oldest test-newest: test-%: .venv-%/.installed  ## all tests with the lowest or the newest versions of everything
	$(ON_SCREEN) .venv-$*/bin/python -m pytest -n logical --maxprocesses 4 --dist worksteal -o "filterwarnings=default"
	QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(ON_SCREEN) .venv-$*/bin/python -m pytest -o "filterwarnings=default" \
		tests/gui/widgets tests/gui/docks -k "$(PYQT6_TESTS)"

.venv-%/.installed: pyproject.toml setup.cfg
	sh .ci/system-packages.sh test $(PYTHON)
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install -q uv
	.venv-$*/bin/uv pip install -q -p .venv-$* --resolution $(RESOLUTION_$*) -e ".[test,umap,zarr]"
	touch $@

faults: .venv/.test  ## the long part of the fault programme: about an hour, on Linux; SEED=3 tries other inputs
	sh tests/faults/run_all.sh faults $(or $(SEED),0) $(BIN)/python

lint: .venv/.test  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: .venv/.test  ## write the versions that are installed, and so were tested, to constraints.txt
	sed -n '/^#/p' constraints.txt > .venv/lock
	$(BIN)/python -m pip freeze --all --exclude-editable | sort -f >> .venv/lock
	mv .venv/lock constraints.txt

bench: .venv/.test  ## measure every stage and format, and write the table into benchmarks/README.md
	$(BIN)/python benchmarks/bench.py

pictures: .venv/.test  ## take the screenshots of README and docs again
	$(ON_SCREEN) $(BIN)/python docs/make_pictures.py

# The pip that comes with Python 3.11 needs minutes to choose among the files on PyPI, a new one seconds
.venv/.pip:
	sh .ci/system-packages.sh demo $(PYTHON)
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade pip
	touch $@

.venv/.base: .venv/.pip pyproject.toml setup.cfg constraints.txt
	$(INSTALL) -e .
	touch $@

.venv/.test: .venv/.pip pyproject.toml setup.cfg constraints.txt
	sh .ci/system-packages.sh test $(PYTHON)
	$(INSTALL) -e ".[test]"
	touch .venv/.base $@

site: .venv/.test  ## the documentation site, in site/
	$(BIN)/mkdocs build --strict

clean:
	rm -rf site .venv demo build dist
