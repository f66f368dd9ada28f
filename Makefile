# The two commands of the README set up all they need: `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATASET ?= ylecun/mnist

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test slow timm test-minimum lint check reference reference-check benchmark clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 17

setup: $(VENV)/.installed  ## Make a virtual environment with the tested versions (constraints.txt)

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,tracking]'
	@touch $@

quickstart: setup  ## Pretrain and fine-tune on scikit-learn's digits: about a minute, results under runs/
	$(BIN)/python -m pretune.training.quickstart

test: setup  ## Fast tests (CPU, no network), two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" -n 2 --dist worksteal

slow: setup  ## The other tests: processes started, killed and resumed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow -n 2 --dist loadfile

# Beside a torch for the CPU the usual torchvision, which timm wants, breaks programs that do not import pretune first:
# it gets an environment of its own, over the tested one.
timm: setup  ## Tests of timm's networks, in an environment of their own
	$(PYTHON) -m venv $(VENV)-timm
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$($(VENV)-timm/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/tested.pth"
	$(VENV)-timm/bin/python -m pip install --quiet --no-deps --constraint constraints.txt timm torchvision
	OMP_NUM_THREADS=1 PYTHONPATH=. $(VENV)-timm/bin/python -m pytest -q tests/training/networks/test_timm.py

test-minimum:  ## Fast tests with the oldest versions allowed (constraints-minimum.txt), in an environment of their own
	$(PYTHON) -m venv $(VENV)-minimum
	$(VENV)-minimum/bin/python -m pip install --quiet --constraint constraints-minimum.txt torch torchvision
	$(VENV)-minimum/bin/python -m pip install --quiet --constraint constraints-minimum.txt --editable '.[dev]'
	OMP_NUM_THREADS=1 $(VENV)-minimum/bin/python -m pytest -q -m "not slow" -n 2 --dist worksteal

lint: setup  ## Format and static checks
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

reference: setup  ## Write docs/reference anew from arguments, configs, docstrings and recipes
	$(BIN)/python docs/make_reference.py

reference-check: setup  ## Whether docs/reference is what would be written (a fast test says so too)
	$(BIN)/python docs/make_reference.py --check

check: lint test slow timm  ## All that CI runs

benchmark: setup  ## Speed beside what a user would write today (make benchmark DATASET=folder or Hub id)
	$(BIN)/python benchmarks/speed.py --dataset $(DATASET)

clean:  ## Remove the virtual environment and build products; runs/ stays
	rm -rf $(VENV) $(VENV)-timm build dist *.egg-info
