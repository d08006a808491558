"""What the model knows of time inside the NIC: round figures for what the RTL takes, in ns unless named otherwise."""

from __future__ import annotations

CLOCK_NS = 8  #: 125 MHz, docs/architecture.md
BEAT_BYTES = 8  #: one transfer on the DMA port and one word of the receive FIFO: 64 bits

ACCESS_NS = 3 * CLOCK_NS  #: from a request at the register port to its effect
RETURN_NS = 2 * CLOCK_NS  #: from a read's effect to its completion at the port
COMMIT_NS = 2 * CLOCK_NS  #: from a frame's last byte on the wire to its first DMA request
DESCRIPTOR_NS = 6 * CLOCK_NS  #: a descriptor fetch, besides the memory's latency: request, one burst of four
PAYLOAD_NS = 4 * CLOCK_NS  #: from a buffer's last beat to its write-back in memory, besides the memory's latency
WRITEBACK_NS = 6 * CLOCK_NS  #: from a write-back in memory to its cause in ICR, besides the memory's latency
WRITEBACK_CYCLES = 1  #: clock cycles that a write-back takes on the DMA port, between the beats of buffers
EEPROM_WORD_NS = 818 * CLOCK_NS  #: a word of the EEPROM: half a period of SK, 25 periods of 32 cycles, start and end
MDIO_FRAME_NS = 1025 * CLOCK_NS  #: an operation of MDIC: 64 periods of 16 cycles, and the start
NEGOTIATION_NS = 6250 * CLOCK_NS  #: of a link, as in hdl/harness/phy.v
