# Everything that can be done with a checkout; `make` lists it.  Needs Python 3.11 or later and a network for set-up.

# The first Python that is new enough and can make virtual environments.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# Written last, so that an interrupted installation is done again.
STAMP := .venv/installed
PIP := .venv/bin/python -m pip --disable-pip-version-check

.PHONY: help setup run test unit integration spark lint types bench docs picture lock train clean
.DEFAULT_GOAL := help

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): conf/build.lock conf/requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "emrlite needs Python 3.11 or later with its module venv (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON): about 690 MB to fetch, 1.5 GB of disk and 2.2 GB while it works"
	@"$(PYTHON)" -m venv .venv
	@$(PIP) install --require-hashes --no-deps --requirement conf/build.lock
	@# Build tools are pinned above.  pyspark comes as source; nobody needs its half a gigabyte compressed on the way.
	@$(PIP) install --require-hashes --no-deps --no-build-isolation --no-compile \
		--config-settings=--build-option=--compression=stored --requirement conf/requirements.lock
	@# As pip would do it, which minds no file that does not compile either; but on all cores, and without packages' tests.
	-@.venv/bin/python -m compileall -q -j 0 -x '/tests?/' .venv/lib
	@$(PIP) install --no-deps --no-build-isolation --quiet --editable .
	@touch $(STAMP)

setup: $(STAMP)  ## Python packages into .venv, then Java archives, Java and the aws CLI into ~/.emrlite
	@.venv/bin/emrlite setup

run: $(STAMP)  ## The main job: a transient cluster works on the flights of New York in 2013
	@.venv/bin/python examples/flights/run.py

# `make -j2 test`, as CI has it, sets up, then runs spark, beside all the others.
test: setup lint types unit integration spark  ## Lint, types and every test

unit: $(STAMP)  ## The tests that start no process
	@.venv/bin/python -m pytest --durations=5 tests/unit

integration: $(STAMP)  ## The tests that start processes, but no Spark
	@.venv/bin/python -m pytest --durations=5 tests/integration

# Tests do without a network; what was not fetched here beforehand, they skip and say so.
spark: setup  ## The tests that run Spark, HDFS and S3
	@.venv/bin/emrlite setup --java || echo "Tests of a brought Java will be skipped" >&2
	@.venv/bin/emrlite prefetch iceberg delta || echo "Tests of Iceberg and Delta will be skipped" >&2
	@.venv/bin/python -m pytest --durations=10 tests/spark

lint: $(STAMP)  ## ruff
	@.venv/bin/ruff check .

types: $(STAMP)  ## mypy
	@.venv/bin/mypy

bench: setup  ## Every row of docs/performance.md beside its peer; takes an hour or two, PAIRS=1 less
	@.venv/bin/python -m benchmarks --pairs $(or $(PAIRS),5)

docs: $(STAMP)  ## Write anew what docs/ takes from the code
	@.venv/bin/python docs/generate.py

picture: setup  ## Record the README's picture anew, while the machine does nothing else
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python docs/picture.py

# For maintainers; needs uv.  A lock of uv's own would record the hosts of indexes.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
lock:  ## Choose new versions of all that is pinned (for maintainers, needs uv)
	$(LOCK) --upgrade --all-extras pyproject.toml --output-file conf/requirements.lock
	printf 'editables\nhatchling\nsetuptools\nwheel\n' | $(LOCK) --upgrade - --output-file conf/build.lock
	echo awscli | $(LOCK) --upgrade - --output-file conf/aws.lock
	.venv/bin/python -m emrlite.node.relock

train: setup  ## Learn anew which classes a cluster loads, format an HDFS (for maintainers, after new archives; minutes)
	.venv/bin/python -m emrlite.node.train

clean:  ## Remove what can be made again here (the home is `emrlite clean`'s)
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
