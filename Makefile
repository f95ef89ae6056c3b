# Each target sets up what it needs: a machine with python3 (3.11 or newer) and make is enough.
PYTHON ?= python3
CONFIG ?= config.yaml
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run shop test check bench backends integration docs clean

run: $(VENV)/run.stamp
	@$(BIN)/pyotelcol --config $(CONFIG)

shop: $(VENV)/shop.stamp
	@$(BIN)/python examples/shop/shop.py $(ARGS)

# The tests start many processes: modules are compiled once for all, whatever the environment says
test integration: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal $(ARGS)

check: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(VENV)/bench.stamp
	@$(BIN)/python -m bench $(ARGS)

backends:
	@$(MAKE) --no-print-directory -f backends/Makefile PYTHON=$(PYTHON)

integration: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest tests/integration $(ARGS)

docs: $(VENV)/run.stamp
	@$(BIN)/python -m collector.manual docs/components

clean:
	rm -rf $(VENV) .backends

$(VENV)/pip.stamp:
	@$(PYTHON) -c 'import sys; sys.exit("pyotelcol needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/run.stamp: $(VENV)/pip.stamp pyproject.toml
	@echo 'Installing pyotelcol into $(VENV) (once) ...'
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/shop.stamp: $(VENV)/run.stamp
	@echo 'Installing the OpenTelemetry SDK into $(VENV) (once) ...'
	@$(BIN)/pip install --quiet --disable-pip-version-check --group shop
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo 'Installing the development tools into $(VENV) (once) ...'
	@$(BIN)/pip install --quiet --disable-pip-version-check --group dev
	@touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	@$(BIN)/pip install --quiet --disable-pip-version-check --group bench
	@touch $@
