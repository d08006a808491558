// The board as a library: its C interface. The caller plays the CPU, by writing into the signals that board_signal finds.
//
// Times are in ns since the start of the simulation and mean what docs/architecture.md says: rising edges of the clock
// are at 4.5, 12.5, 20.5, ... ns, and what they changed is there half a nanosecond later.
#ifndef NAPI_HIL_BOARD_H
#define NAPI_HIL_BOARD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct board board;

// A new board, at time 0; the waveform goes to the file `waves` (FST), or nowhere if that is NULL or if the library was
// built without waves.
board *board_new(const char *waves);

// Evaluate every edge from now on, also those that change nothing; the results are the same.
void board_evaluate_every_edge(board *b);

// Finish the waveform and free everything.
void board_free(board *b);

// Let time go on until `until`, or to the first instant at which `wake` (board_core.v) changes; 2 * time, plus 1 if it
// changed. -1 if an assertion of the RTL failed: see board_error.
int64_t board_advance(board *b, int64_t until);

// `status` (board_core.v): 24 bytes for each NIC, the lowest first. Valid until board_free.
const uint32_t *board_status(const board *b);

// The storage of a signal of native_board.vlt; NULL if there is none. `scope` is its instance, such as
// native_board.core.slot[0].mmio. Valid until board_free.
void *board_signal(board *b, const char *scope, const char *name);

// What the RTL printed that begins with "ERROR: ", or that an assertion of it failed; empty if all is well.
const char *board_error(const board *b);

#ifdef __cplusplus
}
#endif

#endif
