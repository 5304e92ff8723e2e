# What a newcomer types. Each target is a script or a command that also works by itself.

.DEFAULT_GOAL := help
.PHONY: help up down logs ps test check bench clean-data

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Build and start the whole stack in Docker, and say where to look
	@scripts/up

down: ## Stop the stack; its data stays
	docker compose down

logs: ## Follow the logs of the stack
	docker compose logs --follow --tail 50

ps: ## Show the containers and their health
	docker compose ps --all

test: ## Run every test, the compose stack's too; installs what they need
	@scripts/test

check: ## Formatting, lints (warnings denied), licences and bans of dependencies
	@scripts/check

bench: ## Run all benchmarks and rewrite docs/benchmarks.md
	cargo build --release --locked --workspace --bins
	cargo run --release --locked -p radiodeck -- bench all --docs docs/benchmarks.md

clean-data: ## Stop the stack and delete its data: stations, votes, passwords (asks first)
	@scripts/clean-data
