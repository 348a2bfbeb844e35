# Everything starts here. `make up` and `make test` need nothing but Python 3.11 and, on other systems
# than Debian and Ubuntu, a container engine.
.DEFAULT_GOAL := help
.PHONY: help bootstrap up down test check lint fast docs bench bench-teams lock clean

STACK ?= kind
HOME_OF_CHECKOUT := $(or $(CNAI_HOME),.cnai)
BIN := $(HOME_OF_CHECKOUT)/venv/bin
# Tests that need a cluster or the engine; the rest is fast.
SLOW := live or journey

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

bootstrap:
	@tools/bootstrap.sh

up: bootstrap ## Bring the platform up (STACK=kind)
	@$(BIN)/cnai up $(STACK)

down: bootstrap ## Take it down; nothing is left
	@$(BIN)/cnai down $(STACK)

test: check ## Run every test: first the fast ones, then those on a real cluster
	@$(BIN)/cnai supply
	@$(BIN)/python -m tools ensure program:cosign image:registry
	@$(BIN)/python -m pytest -m "$(SLOW)"

check: lint fast ## Linters, types, import rules and the fast tests; no cluster

lint: bootstrap
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy

fast: bootstrap
	@$(BIN)/python -m pytest -q -n 2 -m "not ($(SLOW))"

docs: bootstrap ## Write the pages that are made from the code
	@$(BIN)/python -m tools.error_page
	@$(BIN)/python -m stacks.cli.reference
	@$(BIN)/python -m stacks.profile_page
	@$(BIN)/python -m stacks.policy_page
	@$(BIN)/python -m tests.live.tenants.page

bench: bootstrap ## Measure the budgets, then what bench-teams does; writes docs/reference
	@$(BIN)/cnai bench $(STACK)
	@$(BIN)/cnai bench-teams

bench-teams: bootstrap ## Fork 50 teams on 1,000 simulated nodes, send 10,000 jobs; writes a page
	@$(BIN)/cnai bench-teams

lock: bootstrap ## Resolve requirements.in into requirements.lock, with hashes
	@tools/uv.sh $(HOME_OF_CHECKOUT)/venv pip compile requirements.in --python-version 3.11 \
		--universal --generate-hashes --annotation-style line --custom-compile-command "make lock" \
		--no-emit-index-url --no-emit-find-links --output-file requirements.lock
	@tools/bootstrap.sh

clean: ## Forget this checkout's environment and logs; stacks, passphrase and cache stay
	@rm -rf $(HOME_OF_CHECKOUT)/venv $(HOME_OF_CHECKOUT)/logs .mypy_cache .ruff_cache .pytest_cache .hypothesis
