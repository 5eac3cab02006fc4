# Everything here needs Python 3.11 or newer and nothing else; each target is one or two plain lines.
PYTHON ?= python3
LOCK = pyproject.toml --group build --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-config --no-annotate -q --custom-compile-command "make lock"

.PHONY: run test check lock
run: .venv/run
	.venv/bin/polyscribe serve

test: .venv/test
	.venv/bin/python -m pytest

check: .venv/test
	.venv/bin/ruff format --check && .venv/bin/ruff check && .venv/bin/mypy && .venv/bin/lint-imports && .venv/bin/python -m pytest

lock:  # after a change of dependencies in pyproject.toml; needs `pip install uv`
	.venv/bin/uv pip compile $(LOCK) --extra test -o requirements-test.lock
	.venv/bin/uv pip compile $(LOCK) -c requirements-test.lock -o requirements.lock

.venv/run: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install --require-hashes -r requirements.lock
	.venv/bin/pip install --no-deps --no-build-isolation -e . && touch .venv/run

.venv/test: requirements-test.lock pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install --require-hashes -r requirements-test.lock
	.venv/bin/pip install --no-deps --no-build-isolation -e . && touch .venv/test
