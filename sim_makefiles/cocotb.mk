# One cocotb test module in cocotb's make flow; the Makefile beside this file calls it with TEST_MODULE, DESIGN, NICS, ROOT
# and OUT. Waves are FST with Icarus, VCD with Verilator.

TOPLEVEL_LANG := verilog
COCOTB_TOPLEVEL := $(DESIGN)
COCOTB_TEST_MODULES := cocotb_tests.$(TEST_MODULE)
COCOTB_RESULTS_FILE := $(OUT)/results.xml
SIM_BUILD := $(OUT)
VERILOG_SOURCES := $(OUT)/nic.v
FORM := event-driven
DUMP := $(OUT)/$(DESIGN).fst

ifeq ($(SIM),verilator)
    FORM := compiled
    DUMP := $(OUT)/$(DESIGN).vcd
    COMPILE_ARGS := --timing
    $(shell python -m emulator.engines.make_variables >$(OUT)/tools.mk)
    ifneq ($(.SHELLSTATUS),0)
        $(error Verilator cannot be used, see above)
    endif
    include $(OUT)/tools.mk
    ifeq ($(WAVES),1)
        COMPILE_ARGS += --trace-vcd --trace-structs
    endif
endif

ifeq ($(DESIGN),board)
    VERILOG_SOURCES += $(wildcard $(ROOT)/hdl/harness/*.v)
    ifeq ($(WAVES),1)
        # The board dumps by itself, and its engine fills the probes then; cocotb need not add a module that dumps.
        override WAVES :=
        FST := -fst
        COCOTB_PLUSARGS := +waves=$(DUMP)
    endif
    ifeq ($(SIM),verilator)
        override VERILATOR_CPP := $(ROOT)/emulator/engines/verilator_main.cpp
        COMPILE_ARGS += -CFLAGS -DVL_TIME_CONTEXT -GNICS=$(NICS) $(ONE_MEMORY)
    else
        COMPILE_ARGS := -Pboard.NICS=$(NICS)
    endif
else ifeq ($(SIM)$(WAVES),verilator1)
    SIM_ARGS := --trace --trace-file $(DUMP)
endif

export COCOTB_TEST_MODULES COCOTB_TOPLEVEL

include $(shell cocotb-config --makefiles)/Makefile.sim

$(OUT)/nic.v: $(wildcard $(ROOT)/hdl/nic/*.py)
	python -m hdl.nic --form $(FORM) $@
