# sheaf's build, by hand.  `make help` lists what it can do.
#
# Everything that is made goes under $(B).  A variant of the build (sanitizers,
# coverage, fuzzing) has a folder of its own there, so that none disturbs
# another:
#   make                                $(B)/sheaf
#   make SANITIZE=address,undefined     $(B)/san-address-undefined/sheaf
#   make COVERAGE=1                     $(B)/coverage/sheaf
#   make AARCH64=1                      $(B)/aarch64/sheaf
# All of them put the same desk into the program: $(B)/web, made from web/.
# Nothing is registered by hand: sources, unit tests, fuzz drivers and assets
# are found by their names.

B ?= build
VERSION := 0.1.0
PACKAGES := libuv libcurl jansson libxml-2.0 sqlite3 libpq hiredis libpcre2-8 libcrypto zlib
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
FUZZ_SMOKE_SECONDS ?= 3
ifeq ($(origin CC),default)
CC := gcc
endif

# ---- variants ----------------------------------------------------------------

# Flags for a baseline CPU on purpose: the program is built on one machine and
# run on another.  Faster kernels are chosen when it runs.
ifdef FUZZ
    CC := clang-14
    OUT := $(B)/fuzz
    OPT := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
           -fsanitize=fuzzer-no-link,address,undefined
    # What gcc, whose dialect this is, does not mind.
    CLANG := -Wno-format-nonliteral -Wno-gnu-zero-variadic-macro-arguments
else ifdef COVERAGE
    OUT := $(B)/coverage
    OPT := -O0 -g --coverage -fprofile-update=atomic
else ifdef SANITIZE
    comma := ,
    OUT := $(B)/san-$(subst $(comma),-,$(SANITIZE))
    OPT := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
           -fsanitize=$(SANITIZE)
else ifdef AARCH64
    # scripts/aarch64.sh puts Debian's arm64 libraries into root, and what runs
    # the program under qemu beside it.
    OUT := $(B)/aarch64
    ROOT := $(abspath $(OUT)/root)
    CC := aarch64-linux-gnu-gcc --sysroot=$(ROOT)
    OPT := -O2 -g -D_FORTIFY_SOURCE=2
    PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(ROOT) \
        PKG_CONFIG_LIBDIR=$(ROOT)/usr/lib/aarch64-linux-gnu/pkgconfig \
        pkg-config
    RUN := $(OUT)/run
else
    OUT := $(B)
    OPT := -O2 -g -D_FORTIFY_SOURCE=2
endif

PKG_CONFIG ?= pkg-config
RUN ?= $(OUT)/sheaf

WARNINGS := -Wall -Wextra -Wshadow -Wpedantic -Wstrict-prototypes \
            -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
            -Wno-overlength-strings $(CLANG)
WERROR ?= -Werror

# The shell runs pkg-config and not make's error handling: what is missing is
# reported in one line, below, and only when something is to be compiled.
MISSING := $(shell command -v pkg-config >/dev/null || echo pkg-config; \
    command -v $(CC) >/dev/null || echo $(CC); \
    for p in $(PACKAGES); do \
        $(PKG_CONFIG) --exists $$p 2>/dev/null || echo $$p; done)
PKG_CFLAGS := $(if $(MISSING),,$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))
PKG_LIBS := $(if $(MISSING),,$(shell $(PKG_CONFIG) --libs $(PACKAGES)))

COMPILE := $(CC) -std=gnu17 $(OPT) $(WARNINGS) $(WERROR) -D_GNU_SOURCE \
           -DSHEAF_VERSION='"$(VERSION)"' -fPIE -fstack-protector-strong \
           -fno-common -ffile-prefix-map='$(CURDIR)'=. -pthread \
           -Isrc -I$(B) $(PKG_CFLAGS) $(CFLAGS)
LINK := $(CC) $(OPT) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack \
        -Wl,--as-needed $(LDFLAGS)
LIBS := $(PKG_LIBS) -lm

# One short line for each step; V=1 shows the commands themselves.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '$(1)')

# Inner makes use every core, unless -j was given: then they share its jobs.
J = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# ---- what there is -----------------------------------------------------------

SRC := $(sort $(wildcard src/*/*.c))
OBJ := $(SRC:%.c=$(OUT)/obj/%.o)
MAIN := $(OUT)/obj/src/cmd/main.o
ASSETS := $(sort $(wildcard src/assets/*))
LIB_OBJ := $(filter-out $(MAIN),$(OBJ)) $(if $(ASSETS),$(OUT)/obj/assets.o)
LIB := $(OUT)/libsheaf.a

# The desk; WEB=0 leaves it out.  Only the program is linked with it: tests of
# units and parsers need neither Node nor this.  What the build itself writes
# into web/ is no source; the documentation, which the desk can show, is.
WEB ?= 1
WEB_SRC := $(shell find web \( -name node_modules -o -name dist \) -prune \
    -o -type f ! -name schema.d.ts -print) $(wildcard docs/*.md) docs/openapi.json
WEB_OBJ := $(if $(filter-out 0,$(WEB)),$(OUT)/obj/web_files.o $(OUT)/obj/desk.o)

# T=chunker picks one module's unit tests.
UNIT := $(sort $(wildcard $(patsubst %,tests/unit/test_%.c,$(or $(T),*))))
UNIT_BIN := $(UNIT:tests/unit/%.c=$(OUT)/unit/%)
# Any other .c beside the tests is help for all of them.
UNIT_HELP := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
UNIT_HELP_OBJ := $(UNIT_HELP:%.c=$(OUT)/obj/%.o)
# Programs that the integration tests and measurements talk to.
SERVERS := $(patsubst tests/servers/%.c,$(OUT)/servers/%,\
    $(sort $(wildcard tests/servers/*.c)))
FUZZERS := $(sort $(wildcard fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZERS:fuzz/%.c=$(OUT)/bin/%)

# Files in which -fanalyzer pays: bytes from outside and manual memory.
ANALYZE := $(wildcard src/base/*.c src/*/*parse*.c src/net/multipart.c \
    src/scraper/atom*.c src/embed/token*.c src/embed/safetensors.c \
    src/processor/extract*.c src/processor/chroma_re*.c)

.PHONY: all
all: $(OUT)/sheaf $(OUT)/compile_commands.json

# ---- compile and link --------------------------------------------------------

# The table of the desk's files stands before the archive, which has an empty
# one (src/web/files.h).
PARTS := $(MAIN) $(WEB_OBJ)

$(OUT)/sheaf: $(PARTS) $(LIB) $(OUT)/parts
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $(PARTS) $(LIB) $(LIBS)

$(OUT)/parts: FORCE
	$(call keep,$(PARTS))

# An archive keeps the members it has; start anew, or deleted sources live on.
$(LIB): $(LIB_OBJ) $(OUT)/objects
	$(call say,AR $@)
	@rm -f $@
	$(Q)ar rcs $@ $(LIB_OBJ)

$(OUT)/obj/%.o: %.c $(OUT)/flags | $(B)/gen/assets.h
	$(call say,CC $@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# $(call keep,TEXT): write TEXT to the target, but touch it only on a change.
keep = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' >$@.new; \
       if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Other flags mean other objects.
$(OUT)/flags: FORCE
	$(if $(MISSING),$(error not installed: $(strip $(MISSING)); \
	run 'make deps' once to install what the build needs))
	$(call keep,$(COMPILE))

$(OUT)/objects: FORCE
	$(call keep,$(LIB_OBJ))

# src/assets/docs.html -> asset_docs_html[], asset_docs_html_len in the program,
# declared in "gen/assets.h".  The folder is a prerequisite so that a file that
# is added or removed counts as a change.
ASSET_DEPS := scripts/embed.sh $(wildcard src/assets) $(ASSETS)

$(B)/gen/assets.h: $(ASSET_DEPS)
	@mkdir -p $(@D)
	@scripts/embed.sh header $(ASSETS) >$@.new
	@mv $@.new $@

$(OUT)/obj/assets.S: $(ASSET_DEPS)
	@mkdir -p $(@D)
	@scripts/embed.sh assembler $(ASSETS) >$@.new
	@mv $@.new $@

$(OUT)/obj/assets.o: $(OUT)/obj/assets.S $(ASSETS) $(OUT)/flags
	$(call say,AS $@)
	$(Q)$(CC) -c -o $@ $<

# ---- the desk ----------------------------------------------------------------

# npm writes this file last.
MODULES := web/node_modules/.package-lock.json

$(MODULES): web/package.json web/package-lock.json web/.npmrc
	$(call say,NPM web/node_modules)
	$(Q)scripts/web.sh $(B) ci --prefer-offline

# One source less is a change, too.
$(B)/web/sources: FORCE
	$(call keep,$(WEB_SRC))

$(B)/web/web_files.c: $(WEB_SRC) $(MODULES) $(B)/web/sources scripts/web.sh \
    scripts/pack-web.sh
	$(call say,WEB $(B)/web/dist)
	$(Q)scripts/web.sh $(B) run build
	$(Q)scripts/pack-web.sh $(B)/web/dist $(B)/web

$(OUT)/obj/web_files.o: $(B)/web/web_files.c $(OUT)/flags
	$(call say,CC $@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

$(OUT)/obj/desk.o: $(B)/web/web_files.c scripts/embed.sh $(OUT)/flags
	$(call say,AS $@)
	@mkdir -p $(@D)
	@scripts/embed.sh assembler $(B)/web/desk.bin >$(@:.o=.S)
	$(Q)$(CC) -c -o $@ $(@:.o=.S)

# For editors and clangd.
$(OUT)/compile_commands.json: $(OUT)/flags $(OUT)/objects scripts/compile-commands.sh
	@scripts/compile-commands.sh '$(subst ','\'',$(COMPILE))' $(SRC) >$@.new
	@mv $@.new $@

# ---- run ---------------------------------------------------------------------

# What the program needs at run time besides itself is fetched between the
# build and the start.  Without the model all works but what needs it.
.PHONY: run model
model:
	@scripts/fetch-model.sh $(B)/model

run:
	@scripts/deps.sh build run
	@$(MAKE) --no-print-directory $(J) all
	-@scripts/fetch-model.sh $(B)/model
	@scripts/run.sh $(OUT)/sheaf serve --data-dir ./data $(ARGS)

# ---- test --------------------------------------------------------------------

.PHONY: test test-web test-unit test-oom test-integration test-e2e test-aarch64
.PHONY: test-layouts
.PHONY: fuzz fuzz-smoke coverage
test:
	@MAKE='$(MAKE)' B='$(B)' scripts/test.sh

# Types, lint and unit tests of the desk.
test-web: $(MODULES)
	@scripts/web.sh $(B) run check
	@grep -E '^ +(Test Files|Tests) ' $(B)/web/npm.log || true

test-unit:
	@$(MAKE) --no-print-directory $(J) SANITIZE=address,undefined unit

test-oom:
	@$(MAKE) --no-print-directory test-unit T='oom*'

# Most of these tests wait more than they compute.  A file or two are not worth
# the databases of several.
PYTEST_JOBS ?= $(if $(T),0,$(shell expr 2 '*' $(JOBS)))

# $(call pytest,FOLDER): its tests, or one file of them, with the program at hand.
# LAYOUT=split: how its servers are started (tests/integration/README.md).
pytest = SHEAF_TEST_LAYOUT='$(LAYOUT)' PATH='$(abspath $(B)/node/bin)':"$$PATH" \
    SHEAF_BIN='$(abspath $(RUN))' PYTHONDONTWRITEBYTECODE=1 \
    SHEAF_TEST_MODEL='$(abspath $(B)/model)' \
    SHEAF_TEST_SERVERS='$(abspath $(OUT)/servers)' \
    SHEAF_TEST_LLM='$(abspath $(B)/venv-llm)' \
    SHEAF_TEST_CHROMA='$(abspath $(B)/venv-chroma)' \
    $(B)/venv/bin/python -m pytest -q -o cache_dir='$(abspath $(B))/pytest' \
    -n $(PYTEST_JOBS) --dist worksteal \
    $(or $(T:%=tests/$(1)/test_%.py),tests/$(1)) $(PYTEST_ARGS)

test-integration: all $(SERVERS) $(B)/venv/ready
	@scripts/node.sh $(B)/node
	-@scripts/venv.sh $(B)/venv-llm tests/requirements-llm.txt
	-@scripts/venv.sh $(B)/venv-chroma tests/requirements-chroma.txt
	$(call pytest,integration) || $(if $(UNSTEADY),$(again),false)

# Those that failed (1: and nothing else went wrong) once more, one at a time, up
# to the first that fails again.  UNSTEADY: the file that gets their names.
again = { [ $$? -eq 1 ] && echo '-- those that failed once more, alone' && \
    grep '"' '$(B)/pytest/v/cache/lastfailed' >> '$(UNSTEADY)' && \
    $(call pytest,integration) --lf --lfnf=none -x -v -n 0; }

# All integration tests in the other layouts.
LAYOUTS := split chroma cluster

test-layouts: $(LAYOUTS:%=test-layout-%)

test-layout-%:
	@echo "-- layout $*"
	@$(MAKE) --no-print-directory test-integration LAYOUT=$*

# The servers of the integration tests in a real browser, which computes more
# than it waits.
test-e2e: PYTEST_JOBS = 0
test-e2e: all $(B)/venv/ready
	@scripts/node.sh $(B)/node
	$(call pytest,e2e)

test-aarch64: $(B)/venv/ready
	@MAKE='$(MAKE)' scripts/aarch64.sh $(B)

fuzz:
	@$(MAKE) --no-print-directory $(J) FUZZ=1 fuzzers
	@scripts/fuzz.sh $(B)/fuzz total $(FUZZ_SECONDS)

fuzz-smoke:
	@$(MAKE) --no-print-directory $(J) FUZZ=1 fuzzers
	@scripts/fuzz.sh $(B)/fuzz each $(FUZZ_SMOKE_SECONDS)

coverage:
	@scripts/deps.sh build test coverage
	@rm -rf $(B)/coverage/obj
	@$(MAKE) --no-print-directory $(J) COVERAGE=1 all unit
	@$(MAKE) --no-print-directory COVERAGE=1 test-integration
	@gcovr --root . --filter src/ --object-directory $(B)/coverage \
	    --html-details $(B)/coverage/index.html --print-summary $(B)/coverage
	@echo "line by line: $(B)/coverage/index.html"

# The unit tests of the variant at hand (test-unit picks the sanitized one).
.PHONY: unit
unit: $(UNIT_BIN)
	$(if $(UNIT),,$(error no such unit test: tests/unit/test_$(T).c))
	@SHEAF_TEST_MODEL='$(abspath $(B)/model)' \
	    tests/with-postgres --pgvector '$(abspath $(B)/venv)' tests/run-unit $(UNIT_BIN)

# A test that defines __wrap_f() gets every call of f() (see ld(1), --wrap).
$(OUT)/unit/%: $(OUT)/obj/tests/unit/%.o $(UNIT_HELP_OBJ) $(LIB)
	$(call say,LINK $@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIB) \
	    $(shell sed -n 's/.*\b__wrap_\([a-z0-9_]*\).*/-Wl,--wrap=\1/p' \
	        tests/unit/$*.c | sort -u) $(LIBS) -lcmocka -lhttp_parser

.PHONY: fuzzers
fuzzers: $(FUZZ_BIN)

$(OUT)/bin/fuzz_%: $(OUT)/obj/fuzz/fuzz_%.o $(LIB)
	$(call say,LINK $@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(OUT)/servers/%: $(OUT)/obj/tests/servers/%.o $(LIB)
	$(call say,LINK $@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# Laboratories and benchmarks in C: make build/bench/kernel_lab
$(OUT)/bench/%: $(OUT)/obj/bench/%.o $(LIB)
	$(call say,LINK $@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# Python tools live in a folder of their own, made anew when their list changes.
$(B)/venv/ready: tests/requirements.txt scripts/venv.sh
	@scripts/venv.sh $(B)/venv $<

$(B)/venv-bench/ready: bench/requirements.txt scripts/venv.sh
	@scripts/venv.sh $(B)/venv-bench $<

# ---- lint, bench, the rest ---------------------------------------------------

.PHONY: lint format bench deps clean help
lint:
	@scripts/lint
	@$(MAKE) --no-print-directory $(J) analyze

.PHONY: analyze
analyze: $(ANALYZE:%.c=$(OUT)/analyze/%.ok)

$(OUT)/analyze/%.ok: %.c $(OUT)/flags | $(B)/gen/assets.h
	@mkdir -p $(@D)
	$(call say,ANALYZE $<)
	$(Q)$(COMPILE) -fanalyzer -MMD -MP -MT $@ -MF $(@:.ok=.d) -c -o /dev/null $<
	@touch $@

format:
	find src tests fuzz bench -name '*.[ch]' -exec clang-format-14 -i {} +

# Documents that are made from tables in the program; `make test` checks that
# they are current.
.PHONY: docs docs-check
docs: $(OUT)/sheaf-bare
	$< config markdown >docs/settings.md
	$< config example >sheaf.conf.example
	$< openapi --config /dev/null >docs/openapi.json

docs-check: $(OUT)/sheaf-bare
	@$< config markdown | cmp - docs/settings.md && \
	    $< config example | cmp - sheaf.conf.example && \
	    $< openapi --config /dev/null | cmp - docs/openapi.json || \
	    { echo "run 'make docs' and commit the result"; exit 1; }

# The desk is made from one of these documents, so they are made without it.
$(OUT)/sheaf-bare: $(MAIN) $(LIB)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

bench:
	@scripts/deps.sh build run test bench
	@$(MAKE) --no-print-directory $(J) all $(OUT)/bench/kernel_lab \
	    $(OUT)/bench/answer_lab $(OUT)/bench/vector_bench \
	    $(OUT)/bench/live_load $(SERVERS) $(B)/venv-bench/ready \
	    $(B)/venv/ready
	@scripts/node.sh $(B)/node
	-@scripts/fetch-model.sh $(B)/model
	PATH='$(abspath $(B)/node/bin)':"$$PATH" \
	    SHEAF_TEST_MODEL='$(abspath $(B)/model)' \
	    $(B)/venv-bench/bin/python bench/run.py --sheaf $(B)/sheaf $(ARGS)

deps:
	@scripts/deps.sh build run test bench

clean:
	rm -rf $(B) web/node_modules web/src/lib/api/schema.d.ts

help:
	@cat scripts/help.txt

.PHONY: FORCE
FORCE:
.DELETE_ON_ERROR:
# Objects of unit tests and fuzz drivers are made through patterns; keep them.
.SECONDARY:

-include $(OBJ:.o=.d) $(UNIT_HELP_OBJ:.o=.d) \
    $(UNIT:%.c=$(OUT)/obj/%.d) $(FUZZERS:%.c=$(OUT)/obj/%.d) \
    $(SERVERS:$(OUT)/servers/%=$(OUT)/obj/tests/servers/%.d) \
    $(ANALYZE:%.c=$(OUT)/analyze/%.d)
