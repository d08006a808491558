// The board as a library: evaluates the Verilated native_board.v edge by edge, and skips edges that change nothing.
//
// With waves every edge is evaluated and dumped: the same run with and without is a check of what is skipped. NICS is a
// macro.
#include "board.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_syms.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

namespace {

constexpr int64_t CLOCK_NS = 8, SHOWN_NS = 5;  // what edge n changed is shown at n * CLOCK_NS + SHOWN_NS
constexpr int64_t CLOCK_PS = 8000, RISE_PS = 4500, FALL_PS = 500;  // of edge n; the clock falls before it rises
constexpr unsigned REQUESTS = 256, NEW = 50;  // mmio_port.v
constexpr int TAKEN_LSB = 113, TAKEN_BITS = 9, STATUS_BITS = 192;  // board_core.v

board *evaluating = nullptr;  // what the RTL prints is about this one

}  // namespace

struct board {
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
    uint64_t *cycle = nullptr;  // number of the coming edge
    struct slot {
        const uint64_t *requests;
        const uint32_t *queued_words;
        uint32_t seen_queued_words = 0;
    };
    std::array<slot, NICS> slots{};
    int64_t now = 0;
    uint32_t wake = 0;
    bool every_edge = false;
    std::string error;
#if VM_TRACE
    std::unique_ptr<VerilatedFstC> trace;
    int64_t dumped_ps = -1;
#endif

    explicit board(const char *waves) : top(std::make_unique<Vtop>(&context, "")) {
#if VM_TRACE
        if (waves) {
            every_edge = true;
            context.traceEverOn(true);
            trace = std::make_unique<VerilatedFstC>();
            top->trace(trace.get(), 99);
            trace->open(waves);
        }
#endif
        evaluate();
        dump(0);
        cycle = static_cast<uint64_t *>(signal("native_board.core", "cycle"));
        for (int n = 0; n < NICS; n++) {
            const std::string scope = "native_board.core.slot[" + std::to_string(n) + "].";
            slots[n].requests = static_cast<uint64_t *>(signal((scope + "mmio").c_str(), "requests"));
            slots[n].queued_words = static_cast<uint32_t *>(signal((scope + "source").c_str(), "queued_words"));
        }
    }

    void *signal(const char *scope, const char *name) {
        const VerilatedScope *found = context.scopeFind(scope);
        VerilatedVar *variable = found ? found->varFind(name) : nullptr;
        return variable ? variable->datap() : nullptr;
    }

    void evaluate() {
        evaluating = this;
        top->eval();
    }

    void dump(int64_t ps) {
#if VM_TRACE
        if (trace && ps > dumped_ps) {
            trace->dump(static_cast<uint64_t>(ps));
            dumped_ps = ps;
        }
#endif
    }

    uint32_t taken(int n) const {
        const int lsb = n * STATUS_BITS + TAKEN_LSB;
        return top->status[lsb / 32] >> (lsb % 32) & ((1U << TAKEN_BITS) - 1);
    }

    // Whether an access or frames were put in that no edge has seen: native_board.v does not look at these.
    bool given() const {
        for (int n = 0; n < NICS; n++) {
            const uint32_t next = taken(n);
            const bool is_new = slots[n].requests[next % REQUESTS] >> NEW & 1;
            if (is_new != (next >= REQUESTS) || *slots[n].queued_words != slots[n].seen_queued_words) return true;
        }
        return false;
    }

    // Skip edges that change nothing, up to number `limit`.
    void skip(uint64_t limit) {
        top->look = 1;
        fall();
        top->look = 0;
        if (top->acts_at > *cycle) *cycle = std::min<uint64_t>(top->acts_at, limit);
    }

    void fall() {
        if (!top->clk && !top->look) return;
        top->clk = 0;
        evaluate();
        dump(static_cast<int64_t>(*cycle) * CLOCK_PS + FALL_PS);
    }

    void rise() {
        for (auto &slot : slots) slot.seen_queued_words = *slot.queued_words;
        const auto edge = static_cast<int64_t>(*cycle);
        top->clk = 1;
        evaluate();
        dump(edge * CLOCK_PS + RISE_PS);
        now = edge * CLOCK_NS + SHOWN_NS;
    }

    // Show in the waveform what the user has changed since the last edge, at the time when that was.
    void show_changes() {
#if VM_TRACE
        if (!trace) return;
        const int64_t ps = now * 1000;
        if (ps >= static_cast<int64_t>(*cycle) * CLOCK_PS + FALL_PS) fall();
        evaluate();
        dump(ps);
#endif
    }

    bool advance(int64_t until) {
        const uint64_t limit = until < SHOWN_NS ? 0 : static_cast<uint64_t>((until - SHOWN_NS) / CLOCK_NS + 1);
        show_changes();
        while (*cycle < limit) {
            const bool is_given = given();
            if (!every_edge && !top->stirring && !is_given) {
                skip(limit);
                if (*cycle == limit) break;
            } else if (is_given && !top->clk) {
                evaluate();  // the harness's clock gates look at it while the clock is low
            } else {
                fall();
            }
            rise();
            if (top->wake != wake || !error.empty()) {
                wake = top->wake;
                return true;
            }
        }
        now = std::max(now, until);
        return false;
    }
};

// --- The C interface ---------------------------------------------------------------------------------------------------

board *board_new(const char *waves) { return new board(waves); }

void board_evaluate_every_edge(board *b) { b->every_edge = true; }

void board_free(board *b) {
#if VM_TRACE
    if (b->trace) b->trace->close();
#endif
    delete b;
}

int64_t board_advance(board *b, int64_t until) {
    const bool woke = b->advance(until);
    return b->error.empty() ? 2 * b->now + woke : -1;
}

const uint32_t *board_status(const board *b) { return b->top->status.data(); }

void *board_signal(board *b, const char *scope, const char *name) { return b->signal(scope, name); }

const char *board_error(const board *b) { return b->error.c_str(); }

// --- What Verilator's run-time library calls ----------------------------------------------------------------------------

int board_printf(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (evaluating && evaluating->error.empty()) evaluating->error = text;
    return length;
}

void vl_stop(const char *file, int line, const char *scope) VL_MT_UNSAFE {
    board_printf("%s:%d: an assertion failed in %s", file, line, scope);
}

void vl_fatal(const char *file, int line, const char *scope, const char *message) VL_MT_UNSAFE {
    board_printf("%s:%d: %s in %s", file, line, message, scope);
}
