// Stands in for the header of the LZ4 library on a system that does not have it: what Verilator's FST writer needs.
//
// It compresses nothing: a block is one run of literals (LZ4 Block Format, "Sequences" and "End of block conditions").
// The writer takes such a block only where the format demands one, and plain data elsewhere; dumps are somewhat larger.
#pragma once

#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

inline int LZ4_compress_default(const char* source, char* target, int size, int) {
    char* out = target;
    *out++ = static_cast<char>((size < 15 ? size : 15) << 4);
    if (size >= 15) {
        int left = size - 15;
        for (; left >= 255; left -= 255) *out++ = static_cast<char>(255);
        *out++ = static_cast<char>(left);
    }
    std::memcpy(out, source, size);
    return static_cast<int>(out - target) + size;
}
