# `make` alone lists the targets. bin/setup runs before every one that needs it, and
# takes a fraction of a second when nothing is missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Containers and service managers start shells without HOME; Mix and Cargo need it.
export HOME ?= $(shell getent passwd "$$(id -u)" | cut -d: -f6)
# Where rustup puts Rust, for shells that have not read its profile.
export PATH := $(HOME)/.cargo/bin:$(PATH)
# Elixir warns unless file names are UTF-8, which the C locale does not promise. The other
# flags choose how the VM looks for free memory: see "Memory of the VM" in PERFORMANCE.md.
export ELIXIR_ERL_OPTIONS ?= +fnu +MBas gf +MHas gf

.PHONY: help setup build release run demo test interop soak live fences webhooks fuzz lint dialyzer format bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install what is missing (bin/setup)
	@bin/setup

build: setup ## build the Rust library and the Elixir code for production
	MIX_ENV=prod mix compile

release: setup ## make one archive that serves where neither Elixir nor Rust is
	MIX_ENV=prod mix release

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
# dependencies, but one with overflow checks and debug assertions. What the reliability
# matrix, the planted bugs and the fuzzers tried stands in lines of "matrix:" and "fuzz:",
# how many answers to queries were held against brute force in lines of "oracles:".
test: setup ## run every test, of the engine and of the server
	cd native_rust && cargo test --locked --package formdb-engine
	cd native_rust && cargo test --locked --package formdb-engine --features planted-bugs --test matrix --test live planted
	native_rust/fuzz/run.sh $(or $(FUZZ_SECONDS),10)
	mix test --warnings-as-errors

# What runs beside other systems: other people's clients and proxies, the client of Phoenix and a browser, uploads and downloads
# (STREAM_BYTES=2000000000 for their long form), the load test with k6, schemathesis
# (CONTRACT_CASES=20000), the pages of docs/howto against pandas and shapely, the clients for Python and JavaScript, the example of a Phoenix application where Hex can be reached, the release on a bare system, and the two commands of the README on bare systems.
interop: build ## run the tests that need other systems and clients (as root)
	@bin/setup --interop
	test/interop/clients.py
	test/interop/streams.py
	test/interop/live.py
	test/interop/live_loss.py
	test/interop/load_test.py
	test/interop/contract.py
	test/interop/book.py
	test/interop/python_client.py
	test/interop/js_client.py
	test/interop/phoenix.sh
	test/interop/release.py
	test/interop/bare_debian.sh bookworm
	test/interop/bare_debian.sh trixie

# Fresh seeds every time; what fails names its seed. SOAK_SECONDS is for each test of
# the matrix, FUZZ_SECONDS for each fuzz target, KILLS for the server. Tests that hold
# answers against brute force try 50 times as many cases for each 300 SOAK_SECONDS.
soak: setup ## run the reliability tests for long (SOAK_SECONDS=300 FUZZ_SECONDS=300 KILLS=1000)
	cd native_rust && FORMDB_SOAK=$(or $(SOAK_SECONDS),300) PROPTEST_CASES=20000 \
		cargo test --locked --package formdb-engine
	cd native_rust && cargo test --locked --package formdb-engine --features planted-bugs --test matrix --test live planted
	native_rust/fuzz/run.sh $(or $(FUZZ_SECONDS),300)
	FORMDB_KILLS=$(or $(KILLS),1000) mix test test/integration/survival_test.exs
	$(MAKE) live
	$(MAKE) webhooks
	$(MAKE) fences

# First by processes in the system itself, and then over real sockets.
live: build ## hold what subscribers are told against the journal (DELIVERIES=1000000)
	FORMDB_LIVE_DELIVERIES=$(or $(DELIVERIES),1000000) FORMDB_LIVE_KILLS=20 \
		mix test test/integration/live_loss_test.exs
	DELIVERIES=$(or $(DELIVERIES),1000000) DISCONNECTS=1000 KILLS=20 CHANGES=100 CLOSINGS=20 FOLLOWERS=300 \
		test/interop/live_loss.py

webhooks: setup ## hold what webhooks deliver against the journal (DELIVERIES=100000 KILLS=100)
	FORMDB_WEBHOOK_TEST_EVENTS=$(or $(DELIVERIES),100000) FORMDB_WEBHOOK_TEST_KILLS=$(or $(KILLS),100) \
		mix test test/integration/webhook_loss_test.exs

fences: setup ## hold what fences and levels tell against brute force (PASSAGES=1000000)
	cd native_rust && FORMDB_FENCE_PASSAGES=$(or $(PASSAGES),1000000) cargo test --locked \
		--release --package formdb-engine --test live -- fences:: levels::

fuzz: setup ## fuzz the engine (FUZZ_SECONDS=60 for each target)
	native_rust/fuzz/run.sh $(or $(FUZZ_SECONDS),60)

lint: ## check formatting, that nothing warns, types, and the alert rules
	@bin/setup --lint
	cd native_rust && cargo fmt --all --check
	cd native_rust && cargo clippy --locked --workspace --all-targets -- -D warnings
	cd native_rust && cargo clippy --locked --package formdb-engine --all-targets --features planted-bugs -- -D warnings
	cd native_rust/fuzz && cargo fmt --check && cargo clippy --all-targets -- -D warnings
	mix format --check-formatted
	MIX_ENV=test mix compile --warnings-as-errors --force
	bin/dialyzer
	promtool check rules deploy/monitoring/alerts.yml
	promtool test rules deploy/monitoring/alerts_test.yml

# The first time it reads Erlang and Elixir, for two minutes.
dialyzer: setup ## hold the Elixir code against its types
	@bin/setup --lint
	@bin/dialyzer

format: ## format all code
	@bin/setup --lint
	cd native_rust && cargo fmt --all
	cd native_rust/fuzz && cargo fmt
	mix format

bench: ## run the benchmarks; results go to bench/results (ARGS=--quick: in 3 minutes)
	bench/run_all_benchmarks.sh $(ARGS)

clean: ## remove everything that is built; data and fetched libraries stay
	rm -rf _build cover priv/native native_rust/target native_rust/fuzz/target
