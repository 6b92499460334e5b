# `make` lists the commands; STACK selects the environment.
STACK ?= dev
BASE ?= origin/main
PYTHON := .venv/bin/python
# Files are UTF-8, whatever the locale says.
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help up down status drift conformance preview plan upgrade-check preflight comment shell kubeconfig run logs gpu-check rotate promote rollback unit test tests lint check schema setup

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: setup ## install, start and deploy everything; idempotent
	@$(PYTHON) -m cli up --stack $(STACK)

status: setup ## show endpoints, jobs, images, nodes and GPUs (WAIT=1 for training, HTML=status.html), or why JOB=... waits (JSON=1, LOGIN=kubeconfig)
	@$(PYTHON) -m cli status --stack $(STACK) $(if $(JOB),--job "$(JOB)") $(if $(LOGIN),--kubeconfig "$(LOGIN)") $(if $(JSON),--json) $(if $(WAIT),--wait) $(if $(HTML),--html "$(HTML)")

drift: setup ## compare the stack's state with what exists; changes nothing (JSON=1, MARKDOWN=1)
	@$(PYTHON) -m cli drift --stack $(STACK) $(if $(JSON),--json) $(if $(MARKDOWN),--markdown)

conformance: setup ## examine the running stack by CNCF's AI conformance checklist, with evidence (JSON=1, MARKDOWN=1, OUT=file.yaml)
	@$(PYTHON) -m cli conformance --stack $(STACK) $(if $(JSON),--json) $(if $(MARKDOWN),--markdown) $(if $(OUT),--out "$(OUT)")

preview: setup ## show the whole plan and its cost, without credentials, cluster or Docker (JSON=1, DETAILS=1)
	@$(PYTHON) -m cli preview --stack $(STACK) $(if $(JSON),--json) $(if $(DETAILS),--details) $(if $(PLUGINS),--plugins $(PLUGINS))

plan: setup ## check whether what is declared fits on its nodes and in its quotas (SCENARIO=file.yaml, QUICK=1, JSON=1, MARKDOWN=1)
	@$(PYTHON) -m cli plan --stack $(STACK) $(if $(QUICK),--quick) $(if $(SCENARIO),--scenario "$(SCENARIO)") $(if $(JSON),--json) $(if $(MARKDOWN),--markdown)

upgrade-check: setup ## check whether the stack fits KUBERNETES=1.36, and print the order of steps; changes nothing (JSON=1)
	@$(PYTHON) -m cli upgrade-check --stack $(STACK) --kubernetes "$(KUBERNETES)" $(if $(JSON),--json)

preflight: setup ## check what the account, or the cluster and the registry, offer; read-only
	@$(PYTHON) -m cli preflight --stack $(STACK)

comment: setup ## show what a pull request into BASE would change in each stack (Markdown)
	@$(PYTHON) -m cli.pull_request comment --base $(BASE)

shell: setup ## open a shell with pulumi and kubectl configured for the stack
	@$(PYTHON) -m cli shell --stack $(STACK)

kubeconfig: setup ## print a kubeconfig for TEAM=... ROLE=... that expires (HOURS=1, OUT=file)
	@$(PYTHON) -m cli kubeconfig --stack $(STACK) --team "$(TEAM)" --role "$(ROLE)" --hours $(or $(HOURS),1) $(if $(OUT),--out "$(OUT)")

run: setup ## start a batch job JOB=... now, or a training job again that was stopped
	@$(PYTHON) -m cli run --stack $(STACK) --job "$(JOB)"

logs: setup ## print the last lines of JOB=... or ENDPOINT=..., also of pods that are gone (SINCE=1h, LINES=100, FOLLOW=1, LOGIN=kubeconfig)
	@$(PYTHON) -m cli logs --stack $(STACK) $(if $(JOB),--job "$(JOB)") $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") $(if $(LINES),--lines "$(LINES)") $(if $(SINCE),--since "$(SINCE)") $(if $(FOLLOW),--follow) $(if $(LOGIN),--kubeconfig "$(LOGIN)")

gpu-check: setup ## check the GPUs of every node: driver, framework, a product of matrices (POOL=...)
	@$(PYTHON) -m cli gpu-check --stack $(STACK) $(if $(POOL),--pool "$(POOL)")

rotate: setup ## rotate a generated SECRET=... without a failed request; revoke its old value
	@$(PYTHON) -m cli rotate --stack $(STACK) --secret "$(SECRET)"

promote: setup ## write the canary of ENDPOINT=... into the endpoint, in the stack file; deploys nothing
	@$(PYTHON) -m cli promote --stack $(STACK) --endpoint "$(ENDPOINT)"

rollback: setup ## remove the canary of ENDPOINT=... from the stack file; deploys nothing
	@$(PYTHON) -m cli rollback --stack $(STACK) --endpoint "$(ENDPOINT)"

down: setup ## destroy the stack, stop the cluster, verify that nothing is left
	@$(PYTHON) -m cli down --stack $(STACK)

check: setup ## validate the stack file; starts nothing
	@$(PYTHON) -m infra.declaration Pulumi.$(STACK).yaml

schema: setup ## regenerate schema/ and docs/settings.md from infra/declaration
	@$(PYTHON) -m infra.declaration.schema && $(PYTHON) -m infra.declaration.settings_page

lint: setup ## check format, style, types and import boundaries
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports --no-cache
	@for tests in images/*/tests; do \
		(cd $$tests/.. && ../../.venv/bin/mypy --config-file ../mypy.ini --cache-dir ../../.mypy_cache/$${tests%/tests} .) \
		|| { echo "in $${tests%/tests}"; exit 1; }; done

unit: setup ## run the tests that start nothing; takes less than a minute (ARGS="-k y")
	@$(PYTHON) -m pytest tests/unit -q -n logical --maxprocesses 8 --dist loadfile $(ARGS)

test: setup ## lint, and run every test that this machine can run, or ARGS="tests/x -k y"
	@$(MAKE) --no-print-directory --jobs=2 lint tests

tests: setup
	@$(PYTHON) -m cli.testing $(if $(FLAKY),--flaky $(FLAKY)) $(ARGS)

setup:
	@./cli/bootstrap
