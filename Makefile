# Each target does all of its own set-up. python3 (3.11 or newer), make and git are all that must be there.

PYTHON ?= python3
WORKERS ?= 2
ACTIONLINT ?= v1.7.12
ACT ?= v0.2.89

BIN := .venv/bin
NODE := tests/emulator/node
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --only-binary :all: \
	--generate-hashes --no-header --no-annotate --quiet $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: .venv/runtime ## Watch a project follow its git repository, on a local Stytch; no account needed
	@$(BIN)/reconciler demo

test: .venv/dev .venv/node .venv/actionlint .venv/act ## Run the tests (WORKERS=2 at a time)
	@$(BIN)/python -m pytest -n $(WORKERS)

test-all: export STYTCH_RECONCILER_MUTATIONS = 50000
test-all: export STYTCH_RECONCILER_STORMS = 2000
test-all: export STYTCH_RECONCILER_WHOLE = 1
test-all: export PYTEST_ADDOPTS = -o faulthandler_timeout=1800
test-all: test ## Run the tests, with 50,000 random mistakes, 2,000 storms, 1,000 plans

check: .venv/dev .venv/actionlint ## Lint, format, types, import order, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/zizmor --offline --pedantic --quiet .github action.yml
	@PATH="$(CURDIR)/$(BIN):$$PATH"; \
	if command -v shellcheck >/dev/null; then echo shellcheck .ci/run; shellcheck .ci/run; fi && \
	if command -v actionlint >/dev/null; then echo actionlint; actionlint; fi

bench: .venv/dev ## Measure what commands cost; writes docs/results.md (PARTS="plan rules", QUICK=1, BEFORE=CHECKOUT)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(BEFORE),--before $(BEFORE)) $(PARTS)

lock: .venv/created ## Write requirements/*.txt again from pyproject.toml (UPGRADE=1: newest versions)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) --group build --output-file requirements/runtime.txt >/dev/null
	$(COMPILE) --group dev --constraints requirements/runtime.txt --output-file requirements/dev.txt >/dev/null

clean: ## Remove everything that was installed or cached here
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist $(NODE)/node_modules
	find reconciler -name __pycache__ -prune -exec rm -r {} +

# From here on: files that say what has been set up.

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not. Name one: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: requirements/runtime.txt pyproject.toml | .venv/created
	@echo "Installing into .venv (once) ..." >&2
	@$(call install,requirements/runtime.txt)
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/created
	@echo "Installing into .venv, with what tests and checks need (once) ..." >&2
	@$(call install,requirements/dev.txt)
	@touch $@ .venv/runtime

# The locked packages, then the checkout itself, in place, by the build backend that the lock holds; pip compiles
# packages, but no checkout.
define install
$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $(1) && \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable . && \
$(BIN)/python -m compileall -q reconciler
endef

# The tests that drive the emulator with the vendor's JavaScript SDK; without npm they are left out, by name.
.venv/node: $(wildcard $(NODE)/package-lock.json) | .venv/created
	@if command -v npm >/dev/null && [ -f $(NODE)/package-lock.json ]; then \
		echo "Installing the packages of $(NODE) (once) ..." >&2; \
		cd $(NODE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	fi
	@touch $@

# actionlint and act publish no Python package that holds them; go builds them from source, checked against go's checksum
# database.
define built
if command -v go >/dev/null; then \
	echo "Building $(1) $(3) (once) ..." >&2; \
	GOBIN="$(CURDIR)/$(BIN)" GOFLAGS=-modcacherw go install $(2)@$(3); \
elif [ -n "$$CI" ]; then \
	echo "go is needed in CI, to build $(1)." >&2; exit 1; \
else \
	echo "Without go there is no $(1): $(4)." >&2; \
fi
endef

.venv/actionlint: Makefile | .venv/created
	@$(call built,actionlint,github.com/rhysd/actionlint/cmd/actionlint,$(ACTIONLINT),workflows are checked by zizmor alone)
	@touch $@

# With it the wheels of the lock, from which the jobs that it runs install without a network.
.venv/act: Makefile requirements/runtime.txt | .venv/dev
	@$(call built,act,github.com/nektos/act,$(ACT),no workflow is run by a runner)
	@if [ -x $(BIN)/act ]; then \
		rm -rf .venv/wheels && $(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes \
			--only-binary :all: -r requirements/runtime.txt -d .venv/wheels; \
	fi
	@touch $@
