# `make` alone lists the targets. bin/setup runs before every one that needs it, and
# takes a fraction of a second when nothing is missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Containers and service managers start shells without HOME; Mix and Cargo need it.
export HOME ?= $(shell getent passwd "$$(id -u)" | cut -d: -f6)
# Where rustup puts Rust, for shells that have not read its profile.
export PATH := $(HOME)/.cargo/bin:$(PATH)
# Elixir warns unless file names are UTF-8, which the C locale does not promise.
export ELIXIR_ERL_OPTIONS ?= +fnu

.PHONY: help setup build run demo test lint format bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install what is missing (bin/setup)
	@bin/setup

build: setup ## build the Rust library and the Elixir code for production
	MIX_ENV=prod mix compile

# Ctrl-C reaches every process in the terminal. The VM would answer it with a menu,
# so it is told to ignore it (+Bi) and gets the signal for an orderly stop instead.
# A trapped signal ends `wait`, hence the loop until the VM is gone.
run: build ## serve on 127.0.0.1:4000 with the data in ./data
	@ELIXIR_ERL_OPTIONS="$(ELIXIR_ERL_OPTIONS) +Bi" MIX_ENV=prod mix formdb.server & \
	server=$$!; \
	trap 'kill -TERM $$server' INT TERM; \
	status=0; \
	while kill -0 $$server 2>/dev/null; do wait $$server && status=0 || status=$$?; done; \
	exit $$status

demo: build ## load the samples and print a few queries with their answers
	MIX_ENV=prod mix formdb.demo

# The engine's tests run in Cargo's test profile: it is a second build of its
# dependencies, but one with overflow checks and debug assertions.
test: setup ## run every test, of the engine and of the server
	cd native_rust && cargo test --locked --package formdb-engine
	mix test --warnings-as-errors

lint: setup ## check formatting, and that nothing warns
	cd native_rust && cargo fmt --all --check
	cd native_rust && cargo clippy --locked --workspace --all-targets -- -D warnings
	mix format --check-formatted
	MIX_ENV=test mix compile --warnings-as-errors --force

format: setup ## format all code
	cd native_rust && cargo fmt --all
	mix format

bench: ## run the benchmarks; results go to bench/results
	@bin/setup --tools
	bench/run_all_benchmarks.sh

clean: ## remove everything that is built; data and fetched libraries stay
	rm -rf _build cover priv/native native_rust/target
