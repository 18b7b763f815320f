# What a person types. `make` alone lists the targets.
PYTHON ?= python3
MODELS ?= models
# Flags for the server: make run ARGS="--grpc-port 9500"
ARGS   ?=

# What builds and runs containers for test-deploy: a script with `build` and `compose`, or nothing for Docker.
CONTAINER_ENGINE ?=
export CONTAINER_ENGINE

VENV  := .venv
BIN   := $(VENV)/bin
# Newer than pyproject.toml and constraints.txt once the environment holds what they say, so that `make run`
# starts at once the second time.
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install models run test test-unit test-engines test-servers test-alone check types lint rooms pages fuzz \
  test-deploy bench soak pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv with everything (needs Python 3.11 or newer; PYTHON=... chooses one)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Python 3.11 or newer is needed, '$(PYTHON)' is older or missing; name another: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV); TensorFlow is large, so the first time takes some minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

models: install ## build the reference models that have no version yet
	@$(BIN)/horngate build --if-missing --models $(MODELS)

# exec: the server takes the shell's place, so that Ctrl-C reaches it and it drains.
run: models ## build what is missing, then serve on gRPC 8500 and HTTP 8501
	@exec $(BIN)/horngate serve --models $(MODELS) --log-format text $(ARGS)

# Suites that leave each other alone: each has its own servers on free ports and its own folders of models, and of
# models/ they only read. Engines take a processor, servers mostly wait; what a suite says comes when it ends.
BESIDE  := $(MAKE) --no-print-directory -j2 -Otarget
PYTEST  := $(BIN)/python -m pytest -q
ENGINES := tests/fuzz tests/integration/builder tests/integration/runtimes tests/odd

test: models ## run all tests but those that need a container engine
	@$(BESIDE) test-engines test-servers test-unit
	@$(MAKE) --no-print-directory test-alone

test-unit: install ## tests of one room each, without TensorFlow and without a server process
	@$(PYTEST) tests/unit

test-engines: models ## tests of models and engines: publishing, compiling, loading, odd ones, hostile input
	@$(PYTEST) -m 'not deploy and not alone' $(ENGINES)

# All that is not in the others, so that a new folder is not forgotten.
test-servers: models ## tests of a running server: contracts, integration, Prometheus
	@$(PYTEST) -m 'not deploy and not alone' $(addprefix --ignore=,tests/unit $(ENGINES))

test-alone: models ## tests of what callers feel of each other, with nothing beside them
	@$(PYTEST) -m 'alone and not deploy'

check: install ## lint, types, import rules, generated code, unit tests
	@$(BESIDE) types test-unit lint

types: install ## check types
	@$(BIN)/mypy

lint: install ## check format, lint, import rules and generated code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/python protos/generate.py --check

rooms: install ## list the rooms of the package, what each holds and what it imports
	@$(BIN)/python -m tests.rooms

pages: install ## write the tables of the documentation that come from the code: rooms, settings
	@$(BIN)/python -m tests.pages

# Twenty seconds; ARGS="--seconds 600" looks longer, ARGS="--engine random" goes without atheris.
fuzz: install ## fuzz the decoders, from the corpus in tests/fuzz/corpus
	@$(BIN)/python -m tests.fuzz $(ARGS)

test-deploy: install ## build the images, run docker-compose.yml and test it from outside
	@$(BIN)/python -m pytest -m deploy tests/deploy

# Under twenty minutes on two cores; ARGS="--quick" tries everything in five.
bench: models ## measure Horngate beside other servers; docs/benchmarks.md says how
	@$(BIN)/python -m benchmarks --models $(MODELS) $(ARGS)

soak: install ## a minute of load, swaps and mischief at once; ARGS="--seconds 600 --record" for longer
	@$(BIN)/python -m benchmarks.soak $(ARGS)

pins: ## write constraints.txt anew from what pyproject.toml allows today
	@deploy/pins.sh

clean: ## remove .venv and caches; trained models stay
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	@find service protos tests -name __pycache__ -type d -prune -exec rm -rf {} +
