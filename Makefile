# SPDX-License-Identifier: Apache-2.0

# Needs Go, and a shell. The linters are fetched as Go modules, at the versions
# below, and stay out of go.mod. `make` alone says what there is.

GO ?= go
GOLANGCI = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Every module of the repository: nested ones escape ./... and are named here.
MODULES := $(sort $(dir $(shell find . -name go.mod -not -path '*/.*/*')))

# The race detector needs cgo: a C compiler, and a system that it knows.
RACE := $(shell test "$$($(GO) env CGO_ENABLED)" = 1 && command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null && echo -race)

# The packages that judge whole labs by the clock. Their tests run one package
# after the other, so that they do not make each other late.
LABS := . ./cmd/coapstone ./harness/deviant ./harness/lab/containers ./harness/lab/external ./harness/shelf
OTHERS = $(filter-out $(shell $(GO) list $(LABS)),$(shell $(GO) list ./...))

FUZZTIME ?= 30s
OUT ?= out

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## run the built-in suite against the embedded reference gateway
	$(GO) run ./cmd/coapstone run

.PHONY: test
test: ## run every test, with the race detector where there is a C compiler
	@test -n "$(RACE)" || echo "No C compiler, or cgo is off: the tests run without the race detector. Install gcc to have it."
	@# All of it runs, whatever fails: what is run again alone must not hide what never ran.
	@bad=0; run() { echo "$$*"; "$$@" || bad=1; }; \
		$(foreach m,$(filter-out ./,$(MODULES)),run $(GO) -C $(m) test $(RACE) -shuffle=on ./...;) \
		run $(GO) test $(RACE) -shuffle=on $(OTHERS); \
		run $(GO) test $(RACE) -shuffle=on -timeout 20m -p 1 $(LABS); \
		exit $$bad

.PHONY: print-race print-modules
print-race: # what the tests are run with, for scripts
	@echo $(RACE)
print-modules:
	@echo $(MODULES)

.PHONY: check
check: ## hold the code against the formatter, go vet, the linters and go mod tidy
	@bad=$$(gofmt -l .) && { test -z "$$bad" || { echo "not gofmt-ed (make format mends it):"; echo "$$bad"; exit 1; }; }
	@bad=$$(for f in $$(grep -rl --include='*_test.go' 'time\.Sleep(' .); do \
			grep -q 'testing/synctest' "$$(dirname "$$f")"/*_test.go || echo "$$f"; done) ; \
		test -z "$$bad" || { echo "sleeps in a package that tests without testing/synctest: wait for an event, with a named timeout"; echo "$$bad"; exit 1; }
	$(foreach m,$(MODULES),$(GO) -C $(m) vet ./... &&) true
	$(foreach m,$(MODULES),(cd $(m) && $(GOLANGCI) run ./...) &&) true
	$(foreach m,$(MODULES),$(GO) -C $(m) mod tidy -diff &&) true

.PHONY: format
format: ## let gofumpt and gci rewrite the code
	$(foreach m,$(MODULES),(cd $(m) && $(GOLANGCI) fmt ./...) &&) true

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: soak
soak: ## run the suite 20 times in each lab, and every test at its full size
	COAPSTONE_SOAK=1 $(GO) test -count=1 -timeout=0 -v -run '^TestSoak' ./cmd/coapstone
	COAPSTONE_SOAK=1 $(GO) test -shuffle=on -count=1 -timeout=0 -skip '^TestSoak' ./...

.PHONY: cover
cover: ## write what the tests reach to out/cover.html
	@mkdir -p $(OUT)
	$(GO) test -coverpkg=./... -coverprofile=$(OUT)/cover.out ./...
	$(GO) tool cover -html=$(OUT)/cover.out -o $(OUT)/cover.html
	@$(GO) tool cover -func=$(OUT)/cover.out | tail -n 1

.PHONY: generate
generate: ## write again what is made from the code
	$(GO) generate ./...
