# make quickstart   install, make network 1, train NALSM on MNIST with reduced counts
# make test         install what the tests need and run them
# make test-core    the tests of rules, networks, encoding, liquid and readout: under a minute on two cores
# make test-oldest  the same with the oldest packages that pyproject.toml allows, in .venv-oldest (Python 3.10 or 3.11)
# make lint         style, formatting and types
# make install-locked  install into .venv exactly the packages that the published results were made with (Python 3.11,
#                   Linux, x86-64)
# make lock         write requirements/locked.txt from what .venv holds
# make nmnist       download N-MNIST (1.2 GB) through tonic and pack it for fast reading
# make paper        say what is left and how long it takes here, then make it: every MNIST and Fashion-MNIST cell of
#                   the paper with 1000 neurons, and the N-MNIST cells if the data set is there: runs, measures,
#                   docs/results.md (stop and restart it as you like; NETWORKS=3 for three networks of each cell)
# make figures      the paper's figures from docs/results.json, over the published runs: docs/figures.md
# make sizes        NALSM with 500 to 27,000 neurons, into the same page
# make bench        print the table of speeds (takes about five minutes; run nothing else meanwhile)
# make bench-gpu    install TensorFlow's CUDA libraries, check the TensorFlow engine on the GPU, print its speeds there

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
LOCK := requirements/locked.txt
PIP := -m pip install --quiet --disable-pip-version-check
RESULT := train_data/ver_1/FILE_L_VAL_ACC_L.files
WORKERS ?= 2
CORE := tests/test_rules.py tests/test_network.py tests/test_encoding.py tests/liquid tests/readout

NETWORKS ?= 10
PAPER := sweeps/paper_mnist.toml sweeps/paper_curves.toml sweeps/paper_density.toml sweeps/paper_nmnist.toml \
  sweeps/simulated_nmnist.toml
SIZES := sweeps/sizes.toml

# Run sweeps, then write the page of all results so far, even if a cell failed.
define sweep
$(BIN)/python -m nalsm.sweep $(1) --networks $(NETWORKS) --results docs/results.md; code=$$?; \
$(BIN)/python -m nalsm.sweep $(PAPER) $(SIZES) --networks $(NETWORKS) --list --results docs/results.md && exit $$code
endef

.PHONY: quickstart paper figures sizes nmnist test test-core test-oldest lint bench bench-gpu install install-locked lock clean
.DELETE_ON_ERROR:

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@echo "installing into $(VENV): TensorFlow and the rest, about 2.5 GB, a minute or more"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python $(PIP) --editable '.[dev]'
	@touch $@

install-locked: $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --require-hashes --requirement $(LOCK)
	$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/installed

# The packages that the programs need, without extras. uv writes the hashes, which pip cannot do.
lock: $(VENV)/installed
	$(BIN)/python $(PIP) uv
	$(BIN)/python -m pip freeze --all --exclude-editable > $(VENV)/versions.txt
	$(BIN)/uv pip compile --quiet --python $(BIN)/python --constraint $(VENV)/versions.txt --generate-hashes \
	  --no-annotate --custom-compile-command "make lock" --output-file $(LOCK) pyproject.toml

quickstart: $(VENV)/installed
	@test -e networks/Network_1.h5 || $(BIN)/python runners/generate_spatial_network.py --seed 1 < quickstart/network.txt
	@if test -e $(RESULT); then \
	  echo "the quickstart has been run: its results are in train_data/ver_1 (remove that folder to run it again)"; \
	else \
	  $(BIN)/python runners/NALSM_RUN_MAIN_SIM_MNIST.py $$(cat quickstart/flags.txt) < quickstart/training.txt; \
	fi

paper: $(VENV)/installed
	$(call sweep,$(PAPER))

figures: $(VENV)/installed
	$(BIN)/python -m nalsm.programs.figures

sizes: $(VENV)/installed
	$(call sweep,$(SIZES))

nmnist: $(VENV)/installed
	$(BIN)/python $(PIP) --editable '.[nmnist]'
	$(BIN)/python -m nalsm.datasets download-nmnist
	$(BIN)/python -m nalsm.datasets pack-nmnist

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS)

test-core: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) $(CORE)

test-oldest: $(OLDEST)/installed
	$(OLDEST)/bin/python -m pytest -n $(WORKERS)

$(OLDEST)/installed: pyproject.toml requirements/oldest.py
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python requirements/oldest.py > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python $(PIP) --constraint $(OLDEST)/constraints.txt --editable '.[test]'
	@touch $@

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/bench.py

bench-gpu: $(VENV)/installed-dev
	$(BIN)/python $(PIP) --editable '.[gpu]'
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python benchmarks/xla_on_gpu.py tensorflow

clean:
	rm -rf $(VENV) $(OLDEST) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find nalsm tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
