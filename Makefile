# Needs Python 3.11 to 3.13 and make, nothing else: the first target sets everything up in .venv, from the lock file.
# PYTHON=/path/to/python3.12 chooses another Python, TEST_ARGS='-k fairness' narrows `make test`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first of these that runs, is 3.11 to 3.13 and can make a virtual environment.
PYTHON ?= $(shell for found in python3.13 python3.12 python3.11 python3 python; do \
	"$$found" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$found" && break; done)

RUN := .venv/bin/python -m
LOCKED := pip install --quiet --require-hashes --no-deps
comma := ,
space := $(subst ,, )
# Where everything hangs on every branch, and the tests that take each of them.
PURE := $(wildcard aims_gates/decision/*.py) $(addprefix aims_gates/,documents/canonical.py \
	attestation/trust_list.py attestation/signing/envelope.py ledger/checkpoint.py ledger/merkle.py ledger/verify.py ledger/replay.py ledger/row.py)
PURE_TESTS := tests/ledger tests/decision tests/documents/test_canonical.py tests/attestation/test_envelope.py tests/attestation/test_trust_list.py

# uv reads no pip configuration; these carry over what matters, and where uv fails pip itself installs the same lock.
UV := index="$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$${PIP_INDEX_URL:-$$($(RUN) pip config get global.index-url 2>/dev/null)}}}"; \
	[ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"; \
	[ -n "$${SSL_CERT_FILE:-$$PIP_CERT}" ] && export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$PIP_CERT}"; \
	export UV_HTTP_TIMEOUT="$${UV_HTTP_TIMEOUT:-180}"; .venv/bin/uv pip

.PHONY: help
help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

.venv/.stamp: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one" \
		"(Debian, Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Setting up .venv from requirements.lock ..."
	@$(RUN) pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@awk '/^[^ ]/ { found = /^uv==/ } found' requirements.lock > .venv/uv.txt
	@$(RUN) $(LOCKED) -r .venv/uv.txt
	@$(UV) sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock || $(RUN) $(LOCKED) -r requirements.lock
	@$(RUN) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: .venv/.stamp ## the main job, start to end: a promotion refused, fixed, approved and granted
	@.venv/bin/python examples/pipelines/credit_scoring/run.py

# What takes long, by its markers. Each seed gives the files of one share a random order; together they are all files.
LONG := spark or story or long
SEEDS := 1 2 3
FILES := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: pure ## the test suite; every branch of the decision, the evidence and the ledger has to be taken
	$(RUN) pytest $(FILES) -m 'not ($(LONG))' $(addprefix --ignore=,$(PURE_TESTS)) $(TEST_ARGS)

.PHONY: pure
pure: .venv/.stamp
	$(RUN) pytest -n 3 $(PURE_TESTS) --cov --cov-report=
	@$(RUN) coverage report --skip-covered --show-missing --fail-under=100 --include='$(subst $(space),$(comma),$(PURE))'

.PHONY: shuffled
shuffled: .venv/.stamp
	@turn=0; for seed in $(SEEDS); do turn=$$((turn + 1)); \
		echo "share $$turn/$(words $(SEEDS)) in the random order of seed $$seed"; \
		AIMS_GATES_TEST_SHARE=$$turn/$(words $(SEEDS)) $(RUN) pytest $(FILES) -p pytest_randomly --randomly-seed=$$seed \
			-m 'not ($(LONG))' || exit 1; done

.PHONY: test-long
test-long: .venv/.stamp ## what `make test` leaves out: Spark, every story, what takes long
	$(RUN) pytest $(FILES) -m '$(LONG)'

.PHONY: test-all
test-all: pure shuffled test-long ## the tests of `make test`, in random order, and the long ones (SEEDS='7 8 9')

.PHONY: coverage
coverage: .venv/.stamp ## how much of the package the suite runs, line by line (tracing makes it half as fast)
	$(RUN) pytest $(FILES) --cov --cov-report= $(TEST_ARGS)
	@$(RUN) coverage report --skip-covered --show-missing --fail-under=90

.PHONY: bench
bench: .venv/.stamp ## the performance table, each row a ratio measured in one run
	@$(RUN) tests.bench

.PHONY: soak
soak: .venv/.stamp ## the long runs: attacks, kills, races, fuzz ... (hours; SOAK_SCALE=0.01 for a taste, PARTS=kill,race for some)
	@$(RUN) tests.soak

.PHONY: lint
lint: .venv/.stamp ## style, format and types
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

.PHONY: types
types: .venv/.stamp ## types alone (mypy --strict)
	$(RUN) mypy

.PHONY: lock
lock: .venv/.stamp ## write requirements.lock anew after a change in pyproject.toml (LOCK_ARGS=--upgrade moves versions)
	@$(UV) compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' --quiet --output-file requirements.lock $(LOCK_ARGS)

.PHONY: docs
docs: .venv/.stamp ## write the pages that are made from data (controls, records, gates, profiles, glossary) anew
	@.venv/bin/python docs/generate.py

.PHONY: site
site: .venv/.stamp ## README and docs as a site in build/site, with search; a link that leads nowhere is an error
	@rm -rf build/site
	@$(RUN) sphinx --quiet --fail-on-warning --keep-going --conf-dir docs . build/site
	@echo "build/site/index.html"

.PHONY: release
release: .venv/.stamp ## changelog, version, wheel and sdist, tried out: VERSION=0.2.0 (DRY_RUN=1: in a copy); publishes nothing
	@test -n "$(VERSION)" || { echo "Name the version: make release VERSION=0.2.0" >&2; exit 1; }
	@.venv/bin/python .ci/release.py $(VERSION) $(if $(DRY_RUN),--dry-run)

.PHONY: matrix
matrix: .venv/.stamp ## every supported MLflow, each in an environment of its own (an hour; ONLY="3.18.0 upgrade clients wheel" for some)
	@$(RUN) tests.matrix $(ONLY)

.PHONY: mutation
mutation: .venv/.stamp ## mutate what judges and decides, and list what no test notices (hours; MUTATION_ONLY="gates/drift", MUTATION_SAMPLE=30)
	@rm -rf .mutation && mkdir .mutation && cp -R aims_gates gates profiles tests pyproject.toml .mutation/
	@cd .mutation && PYTHONPATH="$$PWD" PATH="$$PWD/../.venv/bin:$$PATH" ../.venv/bin/python -m tests.mutation

.PHONY: clean
clean: ## remove .venv and everything that was made
	rm -rf .venv .demo .matrix .mutation dist build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
