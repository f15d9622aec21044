# What people and CI type. Needs GNU make 3.81 or later, a POSIX shell and Python 3.11 or later.
# Settings such as PORT come from the environment: PORT=9000 make run

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(LOCK_ARGS)
# What some servers need besides.
EXTRAS = postgresql cache tracing
# Where a gap in the tests would be a gap in the door.
GUARDED = app/tokens.py,app/passwords*.py,app/principals.py,app/services/sessions*.py

.PHONY: help run test unit fuzz mutants check races chaos bench bench-quick soak fix wheel lock advisories image-test clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Set up if needed, then serve on http://localhost:8086 until Ctrl-C
	@sh scripts/setup run
	@.venv/bin/portfolio serve

# Whoever has nothing left takes over from the other: a module's tests, and the server they share, stay
# with one of them.
test: check ## The whole check: format, lint, imports, types, tests, coverage
	.venv/bin/python -m pytest -n auto --dist worksteal --cov --cov-report=term --cov-precision=2 --cov-fail-under=95
	.venv/bin/coverage report --precision=2 --include='$(GUARDED)' --fail-under=100

unit: ## The tests that need nothing but this process and one engine: under a minute
	@sh scripts/setup dev
	.venv/bin/python -m pytest -n auto --dist worksteal -m unit

fuzz: ## Look for inputs that nobody thought of: another seed each time, some hours
	@sh scripts/setup dev
	.venv/bin/python -m pytest -n auto --hypothesis-profile=fuzz tests/fuzz

mutants: .mutants/done ## Change what is guarded, a piece at a time, and see whether a test notices
	.mutants/bin/mutmut run
	.mutants/bin/mutmut results

.mutants/done: requirements-dev.lock requirements-mutants.lock
	@sh scripts/setup dev
	@rm -rf .mutants
	.venv/bin/python -m venv .mutants
	.mutants/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock -r requirements-mutants.lock
	@touch $@

check: ## The same without the tests
	@sh scripts/setup dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/lint-imports
	.venv/bin/mypy

races: ## Fifty requests at once for what one may get, a hundred rounds on both databases
	@sh scripts/setup dev
	.venv/bin/python -m pytest -n auto tests/security/test_races.py --races 100

chaos: ## Kill servers and databases under load, 500 times each; power cuts; 64 writers for a minute
	@sh scripts/setup dev
	.venv/bin/python -m pytest -n auto tests/crash tests/server/test_full_disk.py --crashes 500 --writing 60 -rP

bench: ## Measure against bare routes and other frameworks, write docs/performance.md: 25 minutes
	@sh scripts/setup dev
	.venv/bin/python -m benchmarks

bench-quick: ## Measure what matters most; fail where it is a fifth below docs/performance.json
	@sh scripts/setup dev
	.venv/bin/python -m benchmarks --quick

soak: ## Ask half of what a server can answer for ten minutes; fail where anything grows
	@sh scripts/setup dev
	.venv/bin/python -m benchmarks.soak

fix: ## Format, and mend what the linter can mend
	@sh scripts/setup dev
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

wheel: ## Build the wheel into dist/
	@sh scripts/setup run
	.venv/bin/python -m hatchling build -t wheel

lock: ## Remake the lock files and what follows from them, with uv (LOCK_ARGS=--upgrade: newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: install it with 'python3 -m pip install uv' or 'brew install uv'." >&2; exit 1; }
	$(LOCK) -c scripts/lock-constraints.txt pyproject.toml -o requirements.lock
	for extra in $(EXTRAS); do \
		$(LOCK) -c requirements.lock --extra $$extra pyproject.toml -o requirements-$$extra.lock || exit; \
	done
	$(LOCK) $(patsubst %,-c requirements-%.lock,$(EXTRAS)) --all-extras --group dev pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements-dev.lock --group build -o requirements-build.lock
	$(LOCK) -c requirements-dev.lock --group mutants -o requirements-mutants.lock
	for peer in flask fastapi_users django; do \
		$(LOCK) benchmarks/peers/$$peer/requirements.in -o benchmarks/peers/$$peer/requirements.lock || exit; \
	done

	@sh scripts/setup dev
	.venv/bin/python -m tests.copies
	.venv/bin/python -m tests.sbom

advisories: ## Ask PyPI which known holes the locked versions have (needs uv and the network)
	@command -v uv >/dev/null || { echo "make advisories needs uv, as make lock does." >&2; exit 1; }
	uv tool run pip-audit==2.10.1 $(patsubst %,--requirement requirements-%.lock,$(EXTRAS)) --no-deps --disable-pip

image-test: ## Build the container image and run it (Debian, as root: buildah, debootstrap)
	@sh scripts/setup run
	@.venv/bin/python scripts/image_test.py

clean: ## Remove what the tools made; instance/ stays
	rm -rf .venv .bench .mutants mutants dist build .coverage .coverage.* .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find app alembic benchmarks tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
