# One-word commands; `make` alone lists them. Each sets the machine up first, which costs nothing once done.
.DEFAULT_GOAL := help
.PHONY: help setup up down test bench lock

SHELL := /bin/sh
UV := .cache/uv-tool/bin/uv

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing on this machine and in .venv
	@.ci/setup

up: setup ## Start a director with container VMs on this machine
	@.venv/bin/bosh up

down: setup ## Remove everything that `make up` made
	@.venv/bin/bosh down

test: setup ## Run the whole gate: style, types, and all tests but the measurements
	@.venv/bin/python -m pytest -m "not bench"

bench: setup ## Measure, and compare with the budgets
	@.venv/bin/python -m pytest tests/bench -m bench

lock: setup ## Pin what pyproject.toml asks for anew, keeping pins that still fit
	@$(UV) pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate --quiet \
	  --no-emit-package bosh --no-emit-package cpi-kit --no-emit-package fake-cpi --no-emit-package container-cpi \
	  --no-emit-package uaa --no-emit-package cf-wire --no-emit-package diego --no-emit-package cloud-controller \
	  --output-file requirements.lock
