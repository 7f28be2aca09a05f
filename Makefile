# The front door of the repository. `make` lists what there is.
#
# Needs Go and git, and Python 3.9 for the Python SDK; everything else is installed on the way. Settings, given
# as in `make fuzz FUZZTIME=5m`:
#   FUZZTIME   how long each fuzz target runs                        (30s)
#   BENCH      which Go benchmarks run, a regular expression         (.)
#   COUNT      how often each of them runs                           (6)
#   TABLE      which tables make bench measures                      (all)
#   BENCHFLAGS more flags for it; BENCHFLAGS=-h lists them
#   RACE       -race, or empty for tests without the race detector   (-race)

FUZZTIME ?= 30s
BENCH    ?= .
COUNT    ?= 6
TABLE    ?= all

export LC_ALL := C

# CI may work in a clone that belongs to another user; git, and go through it,
# must be told that this is meant.
export GIT_CONFIG_COUNT   := 1
export GIT_CONFIG_KEY_0   := safe.directory
export GIT_CONFIG_VALUE_0 := $(CURDIR)

# The modules that carry the product; go.work joins them.
PRODUCT := ./... ./sdk/go/...
# Every module but tools: each must also hold alone.
MODULES := $(patsubst %/go.mod,%,$(wildcard ./go.mod ./sdk/go/go.mod ./adapters/*/go.mod ./bench/go.mod ./bench/*/go.mod ./interop/go.mod ./interop/*/go.mod))
# What oisgen reads and writes.
CONTRACT := --spec contract/ois.yaml --templates templates --out .
# go fix and its advice change with Go, so only one release is asked.
FIXER := go1.26

# The race detector needs cgo, and that a C compiler.
ifeq ($(origin RACE),undefined)
RACE := $(shell if command -v "$$(go env CC)" >/dev/null; then echo -race; fi)
endif

# in_modules runs $(1) in each module, outside of the workspace, so that no
# missing requirement hides behind it.
in_modules = set -e; for m in $(MODULES); do echo "  $$m: $(1)"; (cd $$m && GOWORK=off $(1)); done

##@ Every day

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## build bin/ois and bin/oisgen
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/ ./cmd/ois ./cmd/oisgen

.PHONY: man
man: build ## write the manual pages of ois into bin/man
	bin/ois man bin/man

.PHONY: demo
demo: build ## walk the quick start through an embedded server
	bin/ois demo

.PHONY: test
test: test-go test-cost test-adapters test-interop test-python ## run all tests

.PHONY: check
check: check-generate check-format check-modules check-tidy check-cross check-python lint ## hold the tree to its rules, change nothing

.PHONY: generate
generate: ## write what the contract says: Go, Python, reference
	go run ./cmd/oisgen generate $(CONTRACT) --prune

.PHONY: format
format: tools ## format the Go files
	bin/golangci-lint fmt

.PHONY: clean
clean: ## remove what was built
	rm -rf bin

##@ Tests

.PHONY: test-go
test-go: ## Go tests, with invariant checks and the race detector
	@test -n "$(RACE)" || echo "make: no C compiler, or RACE is empty: testing without the race detector"
	go test -count=1 $(RACE) -tags oischeck $(PRODUCT)

# Under the race detector allocations do not count, and tests that try every case take a sample of
# them; so the packages with such tests run once more, as users will run them.
.PHONY: test-cost
test-cost: ## tests that count allocations or try every case, without the race detector
	go test -count=1 $$(tools/dirs-with '_test.go' 'testing\.(AllocsPerRun|Benchmark)\(|sample\.(OneOf|Share)\(')

.PHONY: test-adapters
test-adapters: ## the suites of the libraries that adapters are for, against bin/ois
	@set -e; for m in $(wildcard adapters/*/go.mod); do (cd $$(dirname $$m) && GOWORK=off go test -count=1 $(RACE) ./...); done

.PHONY: test-interop
test-interop: ## clients written by others, against bin/ois
	@interop/run.sh

.PHONY: test-python
test-python: build check-python ## the Python SDK, against bin/ois and beside ois-sdk 1.0.0
	@OIS_PROGRAM=$(CURDIR)/bin/ois sdk/python/run.sh test

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME
	tools/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## ois serve measured from outside, beside MinIO, as tables; TABLE=cpu,start for some
	cd bench && GOWORK=off go run . -table $(TABLE) $(BENCHFLAGS)

.PHONY: bench-server
bench-server: ## the same in a few minutes: no peer, fewer runs, a small store
	cd bench && GOWORK=off go run . -table cpu,scale,start -minio "" -rounds 3 -wall 500ms -objects 10000 $(BENCHFLAGS)

.PHONY: bench-sdk
bench-sdk: ## the Go SDK beside net/http, minio-go and QingStor's own, as a table
	cd bench/sdk && GOWORK=off go run .

.PHONY: bench-go
bench-go: tools ## run Go benchmarks; compared with bin/bench.old if that is there
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PRODUCT) | tee bin/bench.new
	bin/benchstat $(wildcard bin/bench.old) bin/bench.new

##@ Checks

.PHONY: check-generate
check-generate: ## generated files are what oisgen writes, and committed
	go run ./cmd/oisgen generate $(CONTRACT) --check
	@new=$$(git ls-files --others --exclude-standard '*_gen.go' '*_gen_test.go' '*/_generated/*' docs/api); \
	test -z "$$new" || { echo "make: generated, but not in git:"; echo "$$new"; exit 1; }

.PHONY: check-format
check-format: tools ## gofumpt and goimports have nothing to say
	@diff=$$(bin/golangci-lint fmt --diff) || { echo "$$diff" | sed -n 's/^+++ /  /p'; echo "make: run make format"; exit 1; }

.PHONY: check-modules
check-modules: ## each module builds and passes vet alone
	@$(call in_modules,go build ./...)
	@$(call in_modules,go vet ./...)
	@case "$$(go env GOVERSION)" in \
	($(FIXER)|$(FIXER).*) $(call in_modules,go fix -diff ./...) ;; \
	(*) echo "make: go fix is asked with $(FIXER) only, this is $$(go env GOVERSION)" ;; esac

.PHONY: check-tidy
check-tidy: ## no go.mod has too much or too little
	@$(call in_modules,go mod tidy -diff)

.PHONY: check-cross
check-cross: ## the product builds for linux, darwin and windows
	@set -e; for os in linux darwin windows; do echo "  GOOS=$$os go build"; GOOS=$$os CGO_ENABLED=0 go build $(PRODUCT); done

.PHONY: check-python
check-python: ## the Python SDK builds; mypy and ruff have nothing to say
	@sdk/python/run.sh check

.PHONY: lint
lint: tools ## the linters of .golangci.yml, in each module
	@$(call in_modules,$(CURDIR)/bin/golangci-lint run ./...)

.PHONY: dead
dead: tools ## functions that nothing reaches, tests included
	bin/deadcode -test $(PRODUCT)

##@ Tools

.PHONY: tools
tools: bin/.tools ## build the pinned tools into bin

bin/.tools: tools/go.mod tools/go.sum
	cd tools && GOWORK=off GOBIN=$(CURDIR)/bin go install tool
	@touch $@
