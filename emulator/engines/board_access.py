"""Access to the board in a simulator of cocotb's: by VPI, or where Verilator keeps its signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from driver.kernel.dma import HostMemory
from emulator.engines.board_engine import SlotSignals
from emulator.engines.board_memory import BoardMemory
from emulator.engines.board_port import STATUS_BYTES, SlotStatus
from emulator.engines.board_signal import Handle, Signal, SignalArray
from emulator.engines.board_storage import SlotStorage, Storage, storage_in_this_program, view
from emulator.engines.board_wire import WORD_BYTES
from emulator.engines.buffer_memory import BufferMemory


class BoardAccess(Protocol):
    """What the cocotb engine uses for every packet."""

    @property
    def slots(self) -> Sequence[SlotSignals]:
        """The signals of each NIC's slot."""

    @property
    def memory(self) -> HostMemory:
        """Host memory."""

    def status(self) -> bytes | memoryview:
        """The board's ``status``; byte 0 is in its bits 7 to 0."""

    def wake(self) -> int:
        """The board's ``wake``."""


def board_access(dut: Handle, nics: int, byte_ps: int) -> BoardAccess:
    """The quickest access that there is to a Verilog top ``board``, whose wires take so long for a byte, in ps."""
    storage = storage_in_this_program()
    if storage is None:
        return _VpiAccess(dut, nics, byte_ps)
    return _StorageAccess(storage, dut, nics, byte_ps)


def slot_counters(slot: Handle) -> SlotStatus:
    """The counters in a slot's status, from the registers behind it: at time 0 nothing has been derived of them yet."""
    counters = (
        slot.source.sent_words,
        slot.verdicts.count,
        slot.mmio.completions,
        slot.mmio.taken,
        slot.vectors.changed,
        slot.sink.arrived_words,
        slot.sink.cut_off,
    )
    sent, verdicts, completions, taken, vectors, arrived, cut_off = (Signal(counter).read() for counter in counters)
    return SlotStatus(sent, verdicts, 0, completions, 0, taken, vectors, arrived, cut_off)


class _VpiAccess:
    """Every access is a call into the simulator, with a word as text."""

    def __init__(self, dut: Handle, nics: int, byte_ps: int) -> None:
        core = dut.core
        self.slots = [_VpiSlot(core.slot[number], byte_ps) for number in range(nics)]
        self.memory = BoardMemory(core.memory.words, dut.MEMORY_BYTES.value.to_signed())
        self.wake = Signal(core.wake).read
        self._status = Signal(core.status)
        self._status_bytes = nics * STATUS_BYTES

    def status(self) -> bytes:
        return self._status.read().to_bytes(self._status_bytes, "little")


class _VpiSlot:
    """The signals of a NIC's slot; see PortSignals and WireSignals."""

    def __init__(self, slot: Handle, byte_ps: int) -> None:
        mmio, source, sink, verdicts = slot.mmio, slot.source, slot.sink, slot.verdicts
        Signal(source.byte_ps).write(byte_ps)
        Signal(sink.byte_ps).write(byte_ps)
        self._words = SignalArray(source.words)
        self.returned_data = SignalArray(mmio.returned_data).read
        self.set_request = SignalArray(mmio.requests).write
        self.set_queued_words = Signal(source.queued_words).write
        self.set_call_at = Signal(source.call_at).write
        self.verdict_word = SignalArray(verdicts.words).read
        self._arrived = SignalArray(sink.words)
        self._listening = Signal(sink.listening)
        self.messages = Signal(slot.vectors.counts).read

    def put_words(self, index: int, data: bytes) -> None:
        for start in range(0, len(data), WORD_BYTES):
            self._words.write(index + start // WORD_BYTES, int.from_bytes(data[start : start + WORD_BYTES], "little"))

    def listen(self) -> None:
        self._listening.write(1)

    def arrived_word(self, index: int) -> bytes:
        return self._arrived.read(index).to_bytes(WORD_BYTES, "little")


class _StorageAccess:
    """Every access is one to the memory of this process."""

    def __init__(self, storage: Storage, dut: Handle, nics: int, byte_ps: int) -> None:
        core = f"{dut._name}.core"
        self.slots = [SlotStorage(storage, f"{core}.slot[{number}]", byte_ps) for number in range(nics)]
        self.memory = BufferMemory(storage(f"{core}.memory", "words", dut.MEMORY_BYTES.value.to_signed()))
        self._status = view(storage(core, "status", nics * STATUS_BYTES))
        self._wake = view(storage(core, "wake", 4), "I")
        self._wake_bits = (1 << 4 * nics) - 1

    def status(self) -> memoryview:
        return self._status

    def wake(self) -> int:
        return self._wake[0] & self._wake_bits
