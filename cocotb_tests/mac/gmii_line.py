"""The line at the other end of the MAC's GMII: cocotbext-eth's models, on clocks of their own."""

import logging
import zlib
from itertools import pairwise

from cocotb.clock import Clock
from cocotb.utils import get_time_from_sim_steps
from cocotbext.eth import GmiiFrame, GmiiSink, GmiiSource

PREAMBLE = b"\x55" * 7
SFD = b"\xd5"

#: Octet times of the shortest gap between two frames (IEEE 802.3, 4.4.2).
GAP = 12

#: Picoseconds of an octet time.
OCTET_PS = 8000


def with_fcs(frame: bytes) -> bytes:
    """A frame and its FCS."""
    return frame + zlib.crc32(frame).to_bytes(4, "little")


class Line:
    """Puts frames into the receive pins, and gathers those of the transmit pins.

    Arguments:
        dut: has the ports of ``gmii``.
        tx_clk, rx_clk: the clocks of the pins, which are started here.
        ppm: by how much the transmit clock is too fast and the receive clock too slow; a multiple of 250.
    """

    def __init__(self, dut, tx_clk, rx_clk, *, ppm: int = 0):
        logging.getLogger("cocotb").setLevel(logging.WARNING)  # the models log every frame
        shift = OCTET_PS * ppm // 1_000_000
        Clock(tx_clk, OCTET_PS - shift, unit="ps", impl="gpi").start()
        Clock(rx_clk, OCTET_PS + shift, unit="ps", impl="gpi").start()
        self.source = GmiiSource(dut.gmii__rxd, dut.gmii__rx_er, dut.gmii__rx_dv, rx_clk)
        self.sink = GmiiSink(dut.gmii__txd, dut.gmii__tx_er, dut.gmii__tx_en, tx_clk)

    def send(self, frame: bytes, *, preamble: bytes = PREAMBLE + SFD, errors: tuple[int, ...] = ()) -> None:
        """Queue a frame, which has its FCS; ``errors`` are the octets with RX_ER, those of the preamble counted."""
        carrier = preamble + frame
        self.source.send_nowait(GmiiFrame(carrier, [int(i in errors) for i in range(len(carrier))]))

    def sent(self) -> list[GmiiFrame]:
        """Frames that have come out and were not asked for yet; each has begun with a whole preamble."""
        frames = [self.sink.recv_nowait() for _ in range(self.sink.count())]
        for frame in frames:
            # The model leaves out a carrier's first octet, but not its time.
            assert frame.get_preamble() == PREAMBLE[1:] + SFD
            assert octet_times(frame.sim_time_sfd - frame.sim_time_start) == len(PREAMBLE + SFD)
        return frames

    async def silence(self) -> None:
        """Wait until everything queued has gone into the receive pins."""
        await self.source.wait()


def octet_times(steps: int) -> int:
    """A time of the simulator in octet times, to the nearest."""
    return round(get_time_from_sim_steps(steps, "ps") / OCTET_PS)


def gaps(frames: list[GmiiFrame]) -> list[int]:
    """Octet times of silence between the frames."""
    return [octet_times(after.sim_time_start - before.sim_time_end) for before, after in pairwise(frames)]
