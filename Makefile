# What each target is for; `make test` is what CI runs.
SHELL := /bin/bash
LINT  := go tool -modfile=tools/go.mod golangci-lint

.PHONY: test setup check demo build fuzz bench

build: ## bin/parley
	go build -o bin/parley ./cmd/parley

demo: build ## serve the examples
	./bin/parley serve examples

test: setup check ## everything, with the race detector
	go test -race -timeout 20m ./...
	cd bench && go vet ./... && go test ./...
	scripts/test-worker
	@scripts/seed-notice

setup: ## install what the tests need (Debian), if it is missing
	scripts/setup

check: ## formatting, vet, linters, go.mod
	go mod tidy -diff
	$(LINT) fmt --diff
	$(LINT) run
	cd bench && go mod tidy -diff && go tool -modfile=../tools/go.mod golangci-lint run

fuzz: ## every fuzz target for a short while; FUZZTIME=1m for longer
	scripts/fuzz

bench: ## measure Parley beside other servers (a quarter of an hour) and write docs/benchmarks.md
	cd bench && go run .
