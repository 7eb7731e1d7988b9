# Thin front of Meson. `make run` and `make test` do everything, installing what is missing.
PREFIX ?= /usr/local
BUILD  := build

.PHONY: run build test check debug sanitize sanitize-thread fuzz docs format lint bench-peers \
        install dependencies dependencies-test dependencies-check clean

run: build                 ## benchmark the default model and print the table
	tools/run_default.sh

build: dependencies        ## the release binary: build/attometer
	tools/build.sh release

test: dependencies-test    ## build and run every test
	tools/build.sh test
	tools/test.sh test

check: dependencies-check  ## house rules, formatting, lint
	tools/check.sh

debug: dependencies-test   ## build-debug/attometer, unoptimized
	tools/build.sh debug

sanitize: dependencies-test   ## the tests under address + undefined sanitizers
	tools/build.sh sanitize
	tools/test.sh sanitize

sanitize-thread: dependencies-test ## the tests of threads under the thread sanitizer
	tools/build.sh thread
	tools/test.sh thread

fuzz: dependencies-check   ## every fuzz target for $$SECONDS_EACH seconds (default 60)
	tools/fuzz.sh

docs: build                ## write docs/cli.md, the man page and the completions again
	tools/documents.sh

format:                    ## clang-format in place
	tools/check.sh format-in-place

lint: dependencies-check
	tools/check.sh lint

bench-peers: build         ## beside PyTorch, transformers, llama.cpp, tokenizers (needs network)
	bench/peers/run.sh

install: build
	meson setup --reconfigure $(BUILD)/release --prefix "$(PREFIX)" >/dev/null
	meson install -C $(BUILD)/release --quiet --destdir "$(DESTDIR)"

dependencies:
	tools/dependencies.sh build

dependencies-test:
	tools/dependencies.sh test

dependencies-check:
	tools/dependencies.sh check

clean:
	rm -rf $(BUILD) build-debug build-test build-sanitize build-thread build-fuzz
