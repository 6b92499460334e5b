# The front door. `make` alone lists the commands; STACK picks the environment.
STACK ?= dev
BASE ?= origin/main
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help up down status preview preflight comment shell kubeconfig rotate unit test lint check schema setup

help: ## these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: setup ## bare machine to a running stack; safe to repeat
	@$(PYTHON) -m cli up --stack $(STACK)

status: setup ## endpoints, jobs, images, nodes and GPUs (JSON=1 for machines, HTML=status.html a page)
	@$(PYTHON) -m cli status --stack $(STACK) $(if $(JSON),--json) $(if $(HTML),--html "$(HTML)")

preview: setup ## what `up` would do; needs no credentials, cluster or Docker (JSON=1)
	@$(PYTHON) -m cli preview --stack $(STACK) $(if $(JSON),--json) $(if $(PLUGINS),--plugins $(PLUGINS))

preflight: setup ## whether the AWS account can hold what is declared; changes nothing
	@$(PYTHON) -m cli preflight --stack $(STACK)

comment: setup ## what a pull request into BASE would do to each stack (Markdown)
	@$(PYTHON) -m cli.pull_request comment --base $(BASE)

shell: setup ## a shell in which pulumi and kubectl just work
	@$(PYTHON) -m cli shell --stack $(STACK)

kubeconfig: setup ## a way in for TEAM=... ROLE=... that soon expires (HOURS=1, OUT=file)
	@$(PYTHON) -m cli kubeconfig --stack $(STACK) --team "$(TEAM)" --role "$(ROLE)" --hours $(or $(HOURS),1) $(if $(OUT),--out "$(OUT)")

rotate: setup ## renew a generated SECRET=...: no request is refused, and in the end the old value is
	@$(PYTHON) -m cli rotate --stack $(STACK) --secret "$(SECRET)"

down: setup ## destroy the stack, stop the cluster, prove that nothing is left
	@$(PYTHON) -m cli down --stack $(STACK)

check: setup ## whether the stack's file can be built; needs no engine
	@$(PYTHON) -m infra.declaration Pulumi.$(STACK).yaml

schema: setup ## write schema/ and docs/settings.md anew from the models in infra/declaration
	@$(PYTHON) -m infra.declaration.schema && $(PYTHON) -m infra.declaration.settings_page

lint: setup ## format, style and types
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports --no-cache
	@for tests in images/*/tests; do \
		(cd $$tests/.. && ../../.venv/bin/mypy --config-file ../mypy.ini --cache-dir ../../.mypy_cache/$${tests%/tests} .) \
		|| { echo "in $${tests%/tests}"; exit 1; }; done

unit: setup ## run the tests that start nothing; takes less than a minute (ARGS="-k y")
	@$(PYTHON) -m pytest tests/unit -q -n logical --maxprocesses 8 --dist loadfile $(ARGS)

test: lint ## every test that this machine can run, or ARGS="tests/x -k y"; starts and stops what it needs
	@$(PYTHON) -m cli.testing $(if $(FLAKY),--flaky $(FLAKY)) $(ARGS)

setup:
	@./cli/bootstrap
