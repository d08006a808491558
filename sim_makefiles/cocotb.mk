# One cocotb test module in cocotb's make flow; the Makefile beside this file calls it with TEST_MODULE, DESIGN, ROOT and OUT.

TOPLEVEL_LANG := verilog
COCOTB_TOPLEVEL := $(DESIGN)
COCOTB_TEST_MODULES := cocotb_tests.$(TEST_MODULE)
COCOTB_RESULTS_FILE := $(OUT)/results.xml
SIM_BUILD := $(OUT)
COMPILE_ARGS := $(PARAMETERS)
VERILOG_SOURCES := $(OUT)/nic.v

ifeq ($(DESIGN),board)
    VERILOG_SOURCES += $(wildcard $(ROOT)/hdl/harness/*.v)
    ifeq ($(WAVES),1)
        # The board dumps by itself, and its engine fills the probes then; cocotb need not add a module that dumps.
        override WAVES :=
        FST := -fst
        COCOTB_PLUSARGS := +waves=$(OUT)/board.fst
    endif
endif

export COCOTB_TEST_MODULES COCOTB_TOPLEVEL

include $(shell cocotb-config --makefiles)/Makefile.sim

$(OUT)/nic.v: $(wildcard $(ROOT)/hdl/nic/*.py)
	python -m hdl.nic $@
