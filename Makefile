# SPDX-License-Identifier: LGPL-2.1-or-later
# The front door: everything is one target away, and each target first installs
# the Debian packages it lacks.  Meson does the building (see meson.build).

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
K ?= 6.1
MESON_FLAGS ?=

export VKERNEL_BUILD := $(BUILD)

all: deps-build $(BUILD)/build.ninja ## build everything (the default)
	ninja -C $(BUILD)

$(BUILD)/build.ninja: | deps-build
	meson setup $(MESON_FLAGS) $(BUILD)

deps-build deps-guest deps-native deps-lint deps-bench: deps-%:
	@scripts/deps $*

demo: all deps-guest ## the guided tour, in a guest if this kernel cannot enforce
	scripts/demo

test: deps-guest ## all tests: native, and in guests with three kernels
	scripts/test --make

test-native: all deps-native deps-lint ## the tests that need no particular kernel
	scripts/test native

test-guest: all deps-guest ## the tests in guests; K=6.1|6.12|7.3 for one kernel
	scripts/test guest $(if $(filter-out file,$(origin K)),--kernel $(K))

ifeq ($(NATIVE),1)
bench: all
	bench/native
else
bench: all deps-guest deps-bench ## measure what enforcement costs; NATIVE=1: on this machine, in time
	bench/run
endif

bench-check: all deps-guest ## fail if an operation has become dearer than the reference
	bench/run --check

lint: deps-lint ## formatting, static analysis, shell scripts, licences
	scripts/lint

install: all ## install; PREFIX= and DESTDIR= as usual
	meson configure $(BUILD) --prefix $(PREFIX)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

guest: all deps-guest ## a shell in a guest with kernel K (default 6.1)
	tests/guest/run --kernel $(K) --interactive

clean: ## remove what was built (the cache of kernels stays)
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: all demo test test-native test-guest bench bench-check lint install guest clean help
.PHONY: deps-build deps-guest deps-native deps-lint deps-bench
