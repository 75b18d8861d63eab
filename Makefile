# cardbatch. `make demo` shows the job, `make test` runs every test.

GO         ?= go
BIN        := bin/cardbatch
STATICCHECK_VERSION := v0.8.2
TOOLS      := $(CURDIR)/.tools
KILLS      ?= 250
FUZZTIME   ?= 10m
GATEWAY    ?= mastercard
export CGO_ENABLED ?= 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/cardbatch
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/cardbatch

.PHONY: demo
demo: build ## the whole job on loopback in ./demo; GATEWAY=payline, smartbill and others; UPDATER=paysafe
	$(BIN) demo demo --gateway $(GATEWAY) $(if $(UPDATER),--updater $(UPDATER))

.PHONY: deps
deps: ## install what the tests need: OpenSSH's server, xmllint, GnuPG, Chromium, the linter
	@scripts/deps
	@test -x $(TOOLS)/staticcheck || GOBIN=$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

.PHONY: test
test: deps lint ## run all tests: lint, race detector, short crash test, short fuzz
	CARDBATCH_REQUIRE=1 $(GO) test -race -timeout 15m ./...
	$(GO) test ./pipeline # without the race detector it plays the whole fault matrix
	@scripts/fuzz 3s

.PHONY: lint
lint: deps ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...
	$(TOOLS)/staticcheck -tags killpoints ./cmd/cardbatch

.PHONY: crash
crash: ## kill the program at every transition and $(KILLS) random moments
	CARDBATCH_KILLS=$(KILLS) $(GO) test -count=1 -v -timeout 60m -run 'TestKill' ./internal/crashtest

.PHONY: fuzz
fuzz: ## fuzz every reader for $(FUZZTIME) each
	@scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## speed and memory: readers, store, whole run, account updater
	@scripts/bench

.PHONY: golden
golden: ## write the golden files again; look at the difference before you keep it
	$(GO) test $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|') -update

.PHONY: clean
clean: ## remove what was built and the demo
	rm -rf bin demo .tools
