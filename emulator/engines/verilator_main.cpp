// The main program of a simulation that cocotb drives on Verilator.
//
// Unlike the one that comes with cocotb, it runs the design at time 0 before cocotb starts. What cocotb writes then comes
// after initial values and not before them, and stays.

#include <algorithm>
#include <cstdint>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_syms.h"
#include "verilated_vpi.h"

// Loads cocotb's libraries; it is in the library that this program is linked with.
extern "C" void vlog_startup_routines_bootstrap();

// Where the storage of a signal is, for Python in this process; null if there is none. It saves a way through VPI.
extern "C" void* signal_storage(const char* scope, const char* name) {
    const VerilatedScope* const found = Verilated::threadContextp()->scopeFind(scope);
    VerilatedVar* const variable = found ? found->varFind(name) : nullptr;
    return variable ? variable->datap() : nullptr;
}

// Calls back those who wait for this now; asking first is much cheaper.
static void call(uint32_t reason) {
    if (VerilatedVpi::hasCbs(reason)) VerilatedVpi::callCbs(reason);
}

// Calls back those who wait for changed values, until nobody changes one in turn.
static void call_for_changes() {
    while (VerilatedVpi::callValueCbs()) {
    }
}

// Everything from the evaluation to the end of the present time step (IEEE 1800-2017, 4.4.2 and 36.9.1).
static void finish_time_step(Vtop& top) {
    do {
        do {
            top.eval_step();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            call_for_changes();
        } while (VerilatedVpi::evalNeeded());
        if (VerilatedVpi::hasCbs(cbReadWriteSynch)) {
            VerilatedVpi::callCbs(cbReadWriteSynch);
            VerilatedVpi::doInertialPuts();
            call_for_changes();
        }
    } while (VerilatedVpi::evalNeeded());
    top.eval_end_step();
    call(cbReadOnlySynch);
}

// Goes to the next time at which somebody waits; false if nobody does.
static bool next_time_step(VerilatedContext& context, Vtop& top) {
    const uint64_t never = ~uint64_t{0};
    const uint64_t design = top.eventsPending() ? top.nextTimeSlot() : never;
    const uint64_t time = std::min<uint64_t>(design, VerilatedVpi::cbNextDeadline());
    if (time == never) return false;
    context.time(time);
    VerilatedVpi::callCbs(cbNextSimTime);  // it also finds out whose time has come
    call(cbAfterDelay);
    call_for_changes();
    return true;
}

int main(int argc, char** argv) {
    VerilatedContext& context = *Verilated::threadContextp();
    context.commandArgs(argc, argv);
    context.fatalOnVpiError(false);  // cocotb asks for things that may not be there
#if VM_TRACE
    context.traceEverOn(true);
#endif
    Vtop top{&context, ""};
    top.eval_step();
    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    do {
        finish_time_step(top);
    } while (!context.gotFinish() && next_time_step(context, top));
    top.final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
    return context.errorCount() > 0;
}
