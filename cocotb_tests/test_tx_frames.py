"""Legacy transmit descriptors to pieces."""

import random

import cocotb

from cocotb_tests.streams import StreamSink, StreamSource
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.layouts import TxContextDescriptor, TxDescriptor
from hdl.nic.tx_frames import TxFrames
from hdl.nic.tx_piece import TxPiece
from tests.engines.tx_packets import data_descriptor

INPUTS = ("enable", "abort", "descriptors__valid", "pieces__ready", "segments__ready", "sums__ready")
COMMANDS = ("EOP", "IFCS", "RS", "RPS", "IDE")


def random_descriptor(**command: int):
    """A legacy descriptor; ``command`` gives bits that are not to be random."""
    bits = {name: random.getrandbits(1) for name in COMMANDS} | command
    address = random.choice([0, random.getrandbits(64)])
    length = random.choice([0, 1, random.getrandbits(16)])
    return TxDescriptor.const({"address": address, "length": length, "command": bits, "special": 0xFFFF})


def check(piece, descriptor) -> None:
    """A piece says what its descriptor does."""
    assert piece.length == (descriptor.length if descriptor.address else 0)
    assert piece.address == descriptor.address
    assert (piece.end, piece.frame.insert_fcs) == (descriptor.command.EOP, descriptor.command.IFCS)
    assert (piece.done, piece.frame.drop) == (1, 0)
    assert piece.report.report == descriptor.command.RS
    assert piece.report.report_sent == descriptor.command.RPS
    assert piece.report.delay == descriptor.command.IDE


@cocotb.test()
async def a_piece_for_each_descriptor(dut):
    await start(dut, **dict.fromkeys(INPUTS, 0))
    descriptors = [random_descriptor() for _ in range(200)]
    sink = StreamSink(dut, "pieces", pause=random.choice((0, 0.5)))
    source = StreamSource(dut, "descriptors", [d.as_bits() for d in descriptors], pause=random.choice((0, 0.5)))
    dut.enable.value = 1
    await source.done
    await cycles(dut, 50)
    assert len(sink.payloads) == len(descriptors)
    for bits, descriptor in zip(sink.payloads, descriptors, strict=True):
        check(TxPiece.from_bits(bits), descriptor)


@cocotb.test()
async def nothing_is_begun_while_disabled(dut):
    await start(dut, **dict.fromkeys(INPUTS, 0))
    sink = StreamSink(dut, "pieces")
    source = StreamSource(dut, "descriptors", [random_descriptor().as_bits()])
    await cycles(dut, 10)
    assert not source.taken
    dut.enable.value = 1
    await cycles(dut, 10)
    assert len(sink.payloads) == source.taken == 1


@cocotb.test()
@cocotb.parametrize(eop=[0, 1])
async def a_frame_that_has_begun_is_aborted(dut, eop):
    """Once, and only if it has."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    sink = StreamSink(dut, "pieces", pause=0.5)
    descriptor = random_descriptor(EOP=eop)
    source = StreamSource(dut, "descriptors", [descriptor.as_bits()])
    dut.enable.value = 1
    await source.done
    dut.enable.value, dut.abort.value = 0, 1
    await cycles(dut, 30)
    assert dut.between.value
    pieces = [TxPiece.from_bits(bits) for bits in sink.payloads]
    check(pieces[0], descriptor)
    assert len(pieces) == (1 if eop else 2)
    if not eop:
        last = pieces[1]
        assert (last.length, last.end, last.frame.drop, last.done) == (0, 1, 1, 0)


@cocotb.test()
@cocotb.parametrize(segmented=[0, 1])
async def an_aborted_frame_says_that_its_checksums_are_known(dut, segmented):
    """So that they are not taken for those of the next frame."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    sinks = {name: StreamSink(dut, name) for name in ("pieces", "segments", "sums")}
    context = {"tucss": 34, "tucso": 50, "paylen": 500, "mss": 100, "hdrlen": 54}
    command = {"DEXT": 1, "TSE": segmented, "TCP": 1, "IP": 1}
    context_bits = TxContextDescriptor.const(context | {"command": command}).as_bits()
    bits = data_descriptor(0x1000, 100, {"TSE": segmented}, {"TXSM": 1})
    source = StreamSource(dut, "descriptors", [context_bits, bits])
    dut.enable.value = 1
    await source.done
    dut.enable.value, dut.abort.value = 0, 1
    await cycles(dut, 30)
    pieces = [TxPiece.from_bits(bits) for bits in sinks["pieces"].payloads]
    assert (pieces[-1].end, pieces[-1].frame.drop, pieces[-1].frame.sums) == (1, 1, 1)
    assert (len(sinks["sums"].payloads), len(sinks["segments"].payloads)) == (1, segmented)


def test_tx_frames():
    simulate("test_tx_frames", "tx_frames", [write_verilog(TxFrames(), "tx_frames")])
