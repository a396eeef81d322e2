# `make demo` and `make test` are all a fresh machine needs (Linux, Python 3.11+, a package index).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check install install-dev

demo: install
	$(BIN)/ragapp models pull
	$(BIN)/ragapp ingest sample_docs
	$(BIN)/ragapp serve --open

test: install-dev check
	$(BIN)/pytest

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: .venv/.installed
install-dev: .venv/.installed-dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

# The browser tests drive a real Chromium, strace makes the disk fail, LibreOffice reads .doc; where
# apt can, they come.
OFFICE := libreoffice-writer-nogui libreoffice-impress-nogui

.venv/.installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@{ command -v chromium && command -v strace && command -v soffice; } >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	    apt-get install -y -qq chromium strace >/dev/null && \
	    apt-get install -y -qq --no-install-recommends $(OFFICE) >/dev/null; } || \
	  echo "All tests run with these: sudo apt-get install chromium strace $(OFFICE)"
	@touch .venv/.installed $@
