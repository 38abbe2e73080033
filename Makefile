# leat's chores; `make` alone lists them.

# go run fetches the linter through the Go module proxy, at this version.
GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

FUZZTIME ?= 30s
SOAK ?= 1h

.DEFAULT_GOAL := help
.PHONY: help demo build test lint bench microbench fuzz soak generate

help: ## List what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## Run the demo (Ctrl-C ends it)
	go run ./cmd/leat demo

build: ## Build bin/leat
	go build -trimpath -o bin/leat ./cmd/leat

# With CI set, a test fails where what it needs is missing, which would skip it otherwise.
test: ## Run all tests, with the race detector
	.ci/needs
	go vet ./...
	CI=true go test -race -parallel 6 -timeout 15m ./...

lint: ## Run the linters, and check that go.mod is tidy
	go mod tidy -diff
	go run $(GOLANGCI_LINT) run

bench: ## Compare leat with what one would write by hand, in a few minutes (docs/benchmarks.md)
	go run ./bench

microbench: ## Run the benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## Fuzz each target for FUZZTIME (30s)
	@set -e; for package in $$(go list ./...); do \
		found=$$(go test -list '^Fuzz' "$$package"); \
		for target in $$(echo "$$found" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

soak: ## Run the resume property test for SOAK (1h)
	LEAT_SOAK=$(SOAK) go test ./internal/wiretest -run TestResumeProperty -count=1 -v -timeout 0

generate: ## Write the generated code anew
	go generate ./...
