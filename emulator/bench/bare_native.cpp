// The native board at work with no Python attached: frames come in, interrupts are handled, descriptors are given back.
//
// It does what bare_board.v does: at an interrupt read ICR and RDH, and move RDT up behind RDH. The macros and the files
// of 64-bit and 512-bit words in its folder come from emulator/bench; without frames it lets the board idle.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "board.h"

namespace {

constexpr uint64_t NEW = 1ULL << 50, WRITE = 1ULL << 49;
constexpr unsigned REQUESTS = 256, WIRE_WORDS = 4096, WORD_BYTES = 64, CLOCK_NS = 8;
constexpr int64_t FAR_NS = 1'000'000'000'000;

std::vector<char> read_file(const char *name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Testbench {
    board *b = board_new(nullptr);
    const uint32_t *status = board_status(b);
    char *memory = signal<char>("memory", "words");
    uint64_t *requests = signal<uint64_t>("slot[0].mmio", "requests");
    char *words = signal<char>("slot[0].source", "words");
    uint32_t *queued_words = signal<uint32_t>("slot[0].source", "queued_words");
    unsigned issued = 0;
    std::vector<char> frames = read_file("frames.bin");
    int64_t now = 0;

    template <typename T>
    T *signal(const std::string &scope, const char *name) {
        const std::string where = "native_board.core" + (scope.empty() ? "" : "." + scope);
        return static_cast<T *>(board_signal(b, where.c_str(), name));
    }

    void request(uint64_t bits) {
        requests[issued % REQUESTS] = (issued & REQUESTS ? 0 : NEW) | bits;
        issued++;
    }

    uint32_t read(uint64_t address) {
        const uint32_t earlier = completions();
        request(address << 32);
        while (completions() == earlier) advance(FAR_NS);
        return status[2];
    }

    uint32_t completions() const { return status[3] & 0xffff; }
    bool irq() const { return status[3] >> 16 & 1; }
    uint32_t verdicts() const { return status[1]; }

    void load_frames() {
        while (*queued_words - status[0] < WIRE_WORDS && *queued_words < frames.size() / WORD_BYTES) {
            const uint32_t n = *queued_words;
            std::memcpy(words + n % WIRE_WORDS * WORD_BYTES, frames.data() + size_t(n) * WORD_BYTES, WORD_BYTES);
            *queued_words = n + 1;
        }
    }

    void service_interrupt() {
        read(ICR);
        const uint32_t head = read(RDH);
        request(WRITE | uint64_t(RDT) << 32 | (head + DESCRIPTORS - 1) % DESCRIPTORS);
    }

   public:
    void advance(int64_t until) {
        const int64_t reached = board_advance(b, until);
        if (reached < 0) {
            std::fprintf(stderr, "%s\n", board_error(b));
            std::exit(1);
        }
        now = reached >> 1;
    }

    void set_up() {
        *signal<uint16_t>("", "mmio_request_cycles") = MMIO_REQUEST;
        *signal<uint16_t>("", "mmio_completion_cycles") = MMIO_COMPLETION;
        *signal<uint16_t>("", "dma_read_cycles") = DMA_READ;
        *signal<uint16_t>("", "dma_write_cycles") = DMA_WRITE;
        const auto ring = read_file("ring.bin"), setup = read_file("setup.bin");
        std::memcpy(memory, ring.data(), ring.size());
        for (size_t i = 0; i < setup.size(); i += sizeof(uint64_t)) {
            uint64_t write;
            std::memcpy(&write, &setup[i], sizeof write);
            request(WRITE | write);
        }
        while (now < 20'000) advance(20'000);
    }

    void receive() {
        load_frames();
        while (verdicts() < FRAMES) {
            if (irq()) {
                service_interrupt();
            } else {
                advance(now + 100'000);
            }
            load_frames();
        }
    }

    void check() {
        while (irq()) service_interrupt();
        advance(now + 10'000);
        const uint32_t head = read(RDH);
        if (head != FRAMES % DESCRIPTORS) {
            std::fprintf(stderr, "%u descriptors were used for %u frames, modulo %u\n", head, FRAMES, DESCRIPTORS);
            std::exit(1);
        }
    }

    void idle(int64_t ns) {
        board_evaluate_every_edge(b);
        for (const int64_t end = now + ns; now < end;) advance(end);
    }

    int64_t cycles() const { return now / CLOCK_NS; }
};

}  // namespace

int main(int count, char **arguments) {
    Testbench testbench;
    testbench.set_up();
    const int64_t first = testbench.cycles();
    const auto started = std::chrono::steady_clock::now();
    if (count > 1) {
        testbench.idle(std::atoll(arguments[1]));
    } else {
        testbench.receive();
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
    const int64_t cycles = testbench.cycles() - first;
    if (count == 1) testbench.check();
    std::printf("%" PRId64 " %.6f\n", cycles, wall.count());
}
