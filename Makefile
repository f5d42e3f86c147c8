# What people type. PORT, BAILIWICK_HOME and PYTHON choose port, data directory and interpreter.
.PHONY: run stop status test test-all bench demo-load clean-home
.SILENT:

# The first interpreter that is new enough and can make a .venv; the installer names the problem when there is none. The
# system's comes first: as distributions build it, it is a sixth faster than one compiled without its profile.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.11 python3.12 python3.13 python; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
INSTALL = $(PYTHON) portal/embedded/install.py
VENV = .venv/bin/python

run: ## set up and start everything, in the foreground
	$(INSTALL) embedded
	exec $(VENV) -m portal.embedded run

stop: ## stop what runs on this home
	$(VENV) -m portal.embedded stop

status: ## what runs: process, pid, port, memory, uptime, restarts
	$(VENV) -m portal.embedded status

# What failed beside others is tried once more alone: this tells a fault from a machine that was busy. Both are printed.
AGAIN = { test $$? -eq 1 && $(VENV) -m pytest --last-failed --last-failed-no-failures none; }

test: ## set up and pass all tests; sweeps are sampled by the seed in tests/sweeps.py
	$(INSTALL) test
	$(VENV) -m ruff check .
	$(VENV) -m tests.meta.advisories
	$(VENV) -m pytest -n 2 || $(AGAIN)

test-all: ## the same with every sweep whole
	$(INSTALL) test
	$(VENV) -m ruff check .
	$(VENV) -m tests.meta.advisories
	BAILIWICK_SWEEPS=all $(VENV) -m pytest -n 2

bench: ## measurements, each beside a floor measured in the same run
	$(INSTALL) test
	$(VENV) -m bench

demo-load: ## four writer processes on the reference platform of a running stack; their ledgers are read back; MOVES=3 moves a tenant meanwhile
	$(VENV) -m demo load $(MOVES)

clean-home: ## stop, then delete the data directory's contents
	$(VENV) -m portal.embedded clean
