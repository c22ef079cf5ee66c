# make demo   sets everything up and runs one real job end to end; DEMO="--scan", "--document", …
# make test   sets everything up and runs all tests, those that touch a database on SQLite and on PostgreSQL
# make check  what a change must pass: format, lint, types, import contracts, tests
# make fuzz   searches longer than the tests for what breaks a parser or the API; FUZZ is the seconds for each parser of files
# make sbom   writes the software bill of materials of the image to build/sbom.cdx.json
# make docs   makes the documentation as a site in build/site, in English and Chinese
# make pin-images  pins every base image by the digest that its registry has today (needs Docker)
# make chaos  kills everything, again and again, and proves that nothing was lost; CHAOS="--jobs 2000 …"

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check format lock bench chaos fuzz sbom docs pin-images clean

demo: .venv/runtime
	$(BIN)/aijobs demo $(DEMO)

# Processes that test side by side: more than two cores, since a good part of the tests waits.
TESTERS ?= 3
test: .venv/browser .venv/servers .venv/cog .venv/node
	$(BIN)/pytest -n $(TESTERS) --dist loadfile

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(MAKE) docs
	$(MAKE) test

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev
	$(BIN)/python -m bench

chaos: .venv/dev
	$(BIN)/python -m chaos $(CHAOS)

# Each stamp says that the virtual environment holds what its lock names.
.venv/runtime: requirements/runtime.lock pyproject.toml clients/python/pyproject.toml $(wildcard .venv/dev)
	@echo "Installing into .venv, which takes about a minute …"
	test -e .venv/dev || ( \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "aijobs needs Python 3.11 or newer: make PYTHON=/path/to/python3")' && \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable clients/python --editable . )
	touch $@

.venv/dev: requirements/dev.lock pyproject.toml clients/python/pyproject.toml
	@echo "Installing into .venv, which takes about a minute …"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "aijobs needs Python 3.11 or newer: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable clients/python --editable .
	touch $@

.venv/browser: .venv/dev
	$(BIN)/python -m tests.dashboard.install_browser
	touch $@

.venv/servers: .venv/dev
	$(BIN)/python -m tests.persistence.database.install_servers
	$(BIN)/python -m tests.deploy.install_prometheus
	touch $@

.venv/cog: .venv/dev requirements/cog.lock
	$(BIN)/python -m tests.providers.cog.server
	touch $@

FUZZ ?= 60
fuzz: .venv/dev
	FUZZ_SEQUENCES=300 FUZZ_FILES=2000 FUZZ_SEED=$$$$ $(BIN)/pytest tests/fuzz --hypothesis-profile=search
	$(BIN)/python -m tests.fuzz.search $(FUZZ)

sbom: .venv/dev
	$(BIN)/python deploy/sbom.py build/sbom.cdx.json

docs: .venv/dev
	$(BIN)/python -m tests.documentation.site

pin-images:
	$(PYTHON) deploy/pin_images.py

.venv/node: .venv/dev clients/typescript/package-lock.json clients/typescript/example/package-lock.json tests/api/redocly/package-lock.json
	$(BIN)/python -m tests.clients.typescript.packages
	touch $@

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--no-emit-package aijobs-client -q pyproject.toml --group build -o requirements/runtime.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--no-emit-package aijobs-client -q pyproject.toml --group dev -o requirements/dev.lock
	uv pip compile --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		-q requirements/s3.in -o requirements/s3.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		-q requirements/cog.in -o requirements/cog.lock

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
