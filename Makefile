# What people and machines call. `make help` lists the targets.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# grpcnotrace keeps a library's debug pages off the default mux (docs/dependencies.md).
export GOFLAGS := -tags=grpcnotrace -buildvcs=false

STATIC  := CGO_ENABLED=0
BUILD   := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
HEAVY   := github.com/mattermost/mattermost/server/public/model
FOLDERS := cmd internal web
COMPANION := com.matterpass.companion
JSTESTS  = $(sort $(shell find web -name '*.test.js' -o -name '*.test.mjs'))

.DEFAULT_GOAL := help
.PHONY: help build plugin demo test fuzz lint bench docs image clean go-version

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: go-version ## compile to bin/matterpass
	@if [ "$$($(STATIC) go list -trimpath -f '{{.Stale}}' $(HEAVY))" = true ]; then \
		echo "Compiling. The first build takes about two minutes, later ones seconds."; fi
	$(STATIC) go build $(BUILD) -o bin/ ./cmd/matterpass

# The same sources make the same bytes: fixed times, owners and order. GNU tar.
plugin: go-version ## the companion plugin for Mattermost: dist/matterpass-plugin.tar.gz
	rm -rf dist && mkdir -p dist/$(COMPANION)
	for arch in amd64 arm64; do \
		$(STATIC) GOOS=linux GOARCH=$$arch go build -trimpath -ldflags "-s -w" \
			-o dist/$(COMPANION)/server/dist/plugin-linux-$$arch ./cmd/matterpass-plugin || exit 1; done
	install -m 644 cmd/matterpass-plugin/plugin.json dist/$(COMPANION)/plugin.json
	tar -C dist --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s \
		-cf - $(COMPANION) | gzip -n9 > dist/matterpass-plugin.tar.gz
	rm -r dist/$(COMPANION)

demo: build ## an ERP page with chat signed in, everything embedded
	bin/matterpass demo

test: go-version ## all tests, with the race detector where there is a C compiler
	@cc=$$(go env CC); \
	if command -v "$${cc%% *}" >/dev/null; then export CGO_ENABLED=1; race=-race; \
	elif [ "$${CI:-}" = true ]; then echo "make test: no C compiler, and CI does not go without the race detector" >&2; exit 1; \
	else echo "No C compiler: running without the race detector."; race=; fi; \
	set -x; go test $$race -timeout=30m $(TESTFLAGS) ./...
	@if command -v node >/dev/null; then set -x; node --test $(JSTESTS); \
	elif [ "$${CI:-}" = true ]; then echo "make test: no Node, and CI does not go without the widget's tests" >&2; exit 1; \
	else echo "No Node: the widget's tests were left out."; fi

fuzz: go-version ## every fuzz target, FUZZ_SECONDS (60) each at most; `.ci/fuzz list` names them
	.ci/fuzz

lint: go-version ## formatting, go vet, golangci-lint (its first run compiles it: minutes)
	@unformatted=$$(gofmt -l $(wildcard $(FOLDERS))); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go tool -modfile=tools/go.mod golangci-lint run

bench: go-version ## every benchmark; docs/performance.md says what the figures mean
	go test -run '^$$' -bench . -benchmem $$(grep -rl --include='*_test.go' '^func Benchmark' $(wildcard $(FOLDERS)) | xargs -n1 dirname | sort -u | sed 's|^|./|')

docs: go-version ## write docs/configuration.md and .env.template anew from internal/config
	go test ./internal/config -run Generated -update

image: ## the container image matterpass:VERSION
	docker build --build-arg VERSION=$(VERSION) -t matterpass:$(VERSION) .

clean: ## remove what was built
	rm -rf bin dist coverage.out

go-version:
	@wanted=$$(awk '$$1 == "go" { print $$2 }' go.mod); found=$$(go env GOVERSION 2>/dev/null); found=$${found#go}; \
	if [ "$$(printf '%s\n' "$$wanted" "$$found" | sort -V | head -n 1)" != "$$wanted" ]; then \
		echo "Matterpass needs Go $$wanted or newer; found: $${found:-none}." >&2; exit 1; fi
