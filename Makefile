# nightshift: nine jobs over one library. What to type:
#
#   make            build everything into build/
#   make check      install what the tests need, build, and run all of them (this is what CI does)
#   make demo       the whole thing on a sample marketplace with private servers
#   make bench      measure against rivals
#   make install    DESTDIR, PREFIX and sysconfdir are respected
#
# A folder under jobs/ is an executable, a folder under common/ a layer of libnightshift.a: new files are found by themselves.
BUILD      ?= build
PREFIX     ?= /usr/local
sysconfdir ?= /etc
CC         ?= cc
PKG_CONFIG ?= pkg-config
VERSION    := 0.1.0
# make V=1 shows the whole commands.
say         = $(if $(V),,@echo '  $(1) $(patsubst $(BUILD)/%,%,$@)';)

LIBRARIES  ?= $(if $(shell $(PKG_CONFIG) --exists libmariadb && echo yes),libmariadb,mysqlclient) libmemcached hiredis libcurl jansson libcrypto libssl libxxhash expat
LIBRARY_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES) 2>/dev/null | sed 's/-I/-isystem /g')
# libmemcachedutil is named by its .pc file and unused; inih has no .pc file on Debian 12 that all versions share.
LIBRARY_LIBS   := $(shell $(PKG_CONFIG) --libs $(LIBRARIES) 2>/dev/null) -linih -lpthread -lm

WARNINGS := -std=c17 -Wall -Wextra -Wformat=2 -Wformat-signedness -Wformat-overflow=2 -Wformat-truncation=2 -Wconversion \
	-Wsign-conversion -Warith-conversion -Wshadow -Wundef -Wvla -Walloca -Wcast-qual -Wcast-align=strict -Wwrite-strings \
	-Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes -Wredundant-decls -Wnull-dereference -Wduplicated-cond \
	-Wduplicated-branches -Wlogical-op -Wimplicit-fallthrough=5 -Wswitch-enum -Wfloat-equal -Wdouble-promotion \
	-Wstack-usage=65536 -Wstringop-overflow=4 -Warray-bounds=2 -Wuse-after-free=3 -Wtrampolines -Wbidi-chars=any -Wdate-time \
	-Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fno-common \
	-fvisibility=hidden -fPIE -fsanitize=bounds -fsanitize-undefined-trap-on-error
HARDENED_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,defs,-z,text,--as-needed,--no-copy-dt-needed-entries \
	-Wl,--warn-execstack,--fatal-warnings,--build-id=sha1
OPTIMISE ?= -O2 -g

CFLAGS   ?= $(OPTIMISE) $(HARDENING)
LDFLAGS  ?= $(HARDENED_LINK)
ALL_CFLAGS = $(WARNINGS) $(CFLAGS) -D_GNU_SOURCE -DNIGHTSHIFT_VERSION='"$(VERSION)"' -DNIGHTSHIFT_SYSCONFDIR='"$(sysconfdir)"' \
	-ffile-prefix-map=$(CURDIR)=. -Iinclude $(LIBRARY_CFLAGS) $(EXTRA_CFLAGS)

JOBS            := $(notdir $(patsubst %/main.c,%,$(wildcard jobs/*/main.c)))
LIBRARY_SOURCES := $(wildcard common/*/*.c)
JOB_SOURCES     := $(wildcard jobs/*/*.c)
TEST_SOURCES    := $(wildcard tests/unit/*_test.c)
HEADERS         := $(wildcard include/nightshift/*/*.h jobs/*/*.h tests/unit/*.h)
object           = $(patsubst %.c,$(BUILD)/objects/%.o,$(1))
job_objects      = $(call object,$(filter jobs/$(1)/%,$(JOB_SOURCES)))

LIBRARY  := $(BUILD)/libnightshift.a
PROGRAMS := $(addprefix $(BUILD)/bin/,$(JOBS))
# The stand-in for CloudSearch is installed too, but is no job: it has a main of its own and other libraries.
STANDIN         := $(BUILD)/bin/cloudsearch-local
STANDIN_SOURCES := $(wildcard tests/standins/cloudsearch/*.c)
STANDIN_HEADERS := $(wildcard tests/standins/cloudsearch/*.h)
STANDIN_LIBS     = $(shell $(PKG_CONFIG) --libs libmicrohttpd sqlite3 expat) $(LIBRARY_LIBS)
TESTS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(TEST_SOURCES))

.PHONY: all
all: deps-build
	@$(MAKE) --no-print-directory -j"$$(nproc)" programs

.PHONY: programs jobs tests
programs: jobs $(STANDIN)
jobs: $(PROGRAMS)
tests: $(TESTS)

$(LIBRARY): $(call object,$(LIBRARY_SOURCES))
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

define program_rule
$(BUILD)/bin/$(1): $(call job_objects,$(1)) $(LIBRARY)
	@mkdir -p $$(@D)
	$$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ $(LIBRARY_LIBS)
endef
$(foreach job,$(JOBS),$(eval $(call program_rule,$(job))))

$(STANDIN): $(call object,$(STANDIN_SOURCES)) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(STANDIN_LIBS)

# The unit tests of the stand-in link all of it but main.c.
STANDIN_UNITS := $(call object,$(filter-out %/main.c,$(STANDIN_SOURCES)))
$(BUILD)/tests/cloudsearch_%: $(BUILD)/objects/tests/unit/cloudsearch_%.o $(STANDIN_UNITS) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(STANDIN_UNITS) $(LIBRARY) $(STANDIN_LIBS) -lcmocka

# A unit test links the library and the pure code of all jobs: everything but their main.c.
UNITS := $(call object,$(filter-out jobs/%/main.c,$(JOB_SOURCES)))
$(BUILD)/tests/%: $(BUILD)/objects/tests/unit/%.o $(UNITS) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(UNITS) $(LIBRARY) $(LIBRARY_LIBS) -lcmocka

$(BUILD)/objects/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

.SECONDARY:
-include $(patsubst %.o,%.d,$(call object,$(LIBRARY_SOURCES) $(JOB_SOURCES) $(STANDIN_SOURCES) $(TEST_SOURCES)))

.PHONY: deps deps-build
deps:
	@tests/deps build sandbox test style
deps-build:
	@tests/deps build

.PHONY: clean
clean:
	rm -rf $(BUILD)/objects $(BUILD)/bin $(BUILD)/tests $(LIBRARY)

# --- what CI runs ---------------------------------------------------------------------------------------------------------------

.PHONY: check
check: deps
	@tests/check

# The parts of check, for working on one thing: make check-unit, make check-jobs NIGHTSHIFT_TEST_MYSQL=mysql97 ...
.PHONY: check-style check-unit check-standins check-jobs check-asan check-elf check-libmysqlclient
check-style check-unit check-standins check-jobs check-asan check-elf check-libmysqlclient: deps
	@tests/check $(@:check-%=%)

# --- targets that tests/check uses ----------------------------------------------------------------------------------------------

C_FILES  := $(LIBRARY_SOURCES) $(JOB_SOURCES) $(STANDIN_SOURCES) $(TEST_SOURCES) $(wildcard tests/bench/*.c tests/sandbox/*.c tests/standins/*.[ch]) $(HEADERS) $(STANDIN_HEADERS) $(wildcard common/*/*.h)
ANALYSED := $(LIBRARY_SOURCES) $(JOB_SOURCES) $(STANDIN_SOURCES)
SCRIPTS  := .ci/run tests/deps tests/elf tests/settings-pages $(wildcard tests/faults/*) tests/check tests/demo tests/bench/run tests/sandbox/up tests/sandbox/down tests/sandbox/restart \
	tests/sandbox/fetch $(wildcard tests/sandbox/lib/*.sh tests/sandbox/libmysqlclient-* tests/jobs/*.bash tests/standins/*.bash)

ANALYSIS_FLAGS := -D_GNU_SOURCE -DNIGHTSHIFT_VERSION='""' -DNIGHTSHIFT_SYSCONFDIR='""' -Iinclude $(LIBRARY_CFLAGS)

.PHONY: style-format style-tidy style-cppcheck style-shell style-manual style-sample style-analyzer
style-format:
	clang-format --dry-run -Werror $(C_FILES)

# One object per source under build/tidy, so that only what changed is looked at again.
TIDY := $(patsubst %,$(BUILD)/tidy/%.done,$(ANALYSED))
style-tidy: $(TIDY)
$(filter $(BUILD)/tidy/tests/%,$(TIDY)): $(STANDIN_HEADERS)
$(BUILD)/tidy/%.done: % .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	$(call say,TIDY)clang-tidy --quiet --warnings-as-errors='*' $< -- -std=c17 $(ANALYSIS_FLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@

style-cppcheck:
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --inconclusive \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches -j2 -Iinclude -D_GNU_SOURCE \
		-DNIGHTSHIFT_VERSION='""' -DNIGHTSHIFT_SYSCONFDIR='""' common jobs tests/standins/cloudsearch

style-shell:
	shellcheck -x $(wildcard $(SCRIPTS))

MANUALS := $(wildcard jobs/*/*.1 tests/standins/cloudsearch/*.1 cron/*.5 cron/*.7)
style-manual:
	mandoc -T lint -W warning $(MANUALS)

# The sample and the manual page of the settings are made from the tables in the code; `make sample` after a change of a table.
.PHONY: sample
sample: programs
	tests/settings-pages cron

style-sample: programs
	@mkdir -p $(BUILD)/pages
	tests/settings-pages $(BUILD)/pages
	diff -u cron/nightshift.ini $(BUILD)/pages/nightshift.ini
	diff -u cron/nightshift.ini.5 $(BUILD)/pages/nightshift.ini.5

ANALYZER := $(patsubst %.c,$(BUILD)/analyzer/%.o,$(ANALYSED))
style-analyzer: $(ANALYZER)
$(filter $(BUILD)/analyzer/tests/%,$(ANALYZER)): $(STANDIN_HEADERS)
$(BUILD)/analyzer/%.o: %.c $(HEADERS)
	@mkdir -p $(@D)
	$(call say,ANALYZE)$(CC) $(WARNINGS) -Werror -O1 -fanalyzer $(ANALYSIS_FLAGS) -c -o $@ $<

# --- demo, bench, install -------------------------------------------------------------------------------------------------------

.PHONY: demo
demo:
	@tests/deps build sandbox
	@$(MAKE) --no-print-directory -j"$$(nproc)" programs
	@tests/demo

.PHONY: bench
bench:
	@tests/deps build sandbox bench
	@$(MAKE) --no-print-directory -j"$$(nproc)" programs $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
	@tests/bench/run

$(BUILD)/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LIBRARY_LIBS)

INSTALL ?= install
bindir   = $(DESTDIR)$(PREFIX)/bin
mandir   = $(DESTDIR)$(PREFIX)/share/man
confdir  = $(DESTDIR)$(sysconfdir)/nightshift

.PHONY: install
install: programs
	$(INSTALL) -d $(bindir) $(mandir)/man1 $(mandir)/man5 $(mandir)/man7 $(confdir)
	$(INSTALL) -m 755 $(PROGRAMS) $(STANDIN) $(bindir)
	$(INSTALL) -m 644 $(wildcard jobs/*/*.1 tests/standins/cloudsearch/*.1) $(mandir)/man1
	$(INSTALL) -m 644 cron/nightshift.ini.5 $(mandir)/man5
	$(INSTALL) -m 644 cron/nightshift.7 $(mandir)/man7
	test -e $(confdir)/nightshift.ini || $(INSTALL) -m 600 cron/nightshift.ini $(confdir)/nightshift.ini
