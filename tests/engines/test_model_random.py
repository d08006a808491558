"""Random programs on the model engine: whatever software does and the wire brings, some things stay true."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.engines.base import IrqChanged, Verdict, WireFrame
from hdl.nic.regmap import (
    CRCERRS,
    CTRL,
    GPRC,
    ICR,
    ICS,
    IMC,
    IMS,
    ITR,
    MPC,
    PRC64,
    PRC127,
    PRC255,
    PRC511,
    PRC1023,
    PRC1522,
    RAL,
    RCTL,
    RDH,
    RDT,
    REGISTERS,
    RFC,
    ROC,
    RUC,
    TPR,
    Register,
)
from tests.engines.board import OF_THE_BOARD, Board, frame

RING = 16

ANY_REGISTER = st.sampled_from([register.offset for register in REGISTERS])
ANY_FRAME = st.builds(
    lambda length, seed, group, bad: WireFrame(
        frame(length, seed=seed, destination=bytes((group, 0, 0, 0, 0, 9))), bad_fcs=bad
    ),
    st.one_of(st.integers(14, 60), st.integers(60, 1530)),
    st.integers(0, 1 << 16),
    st.sampled_from([1, 2]),
    st.booleans(),
)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow])


@st.composite
def register_programs(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Writes to any register, or to none."""
    offset = st.one_of(ANY_REGISTER, st.integers(0, (1 << 15) - 1).map(lambda word: 4 * word))
    return draw(st.lists(st.tuples(offset, st.integers(0, (1 << 32) - 1)), max_size=40))


@SLOW
@given(register_programs(), st.lists(ANY_FRAME, max_size=30))
def test_any_program_gives_every_frame_one_verdict(program: list[tuple[int, int]], frames: list[WireFrame]) -> None:
    """Also with rings and buffers that software points anywhere: the NIC goes on and forgets no frame."""
    board = Board()
    board.send(frames)
    for offset, value in program:
        board.engine.mmio_write(0, offset, value)
        board.run(1_000)
    board.run_until_silent()
    assert len(board.engine.wires[0].take_verdicts()) == len(frames)
    board.write(ITR, 0)  # nothing holds an interrupt back any more
    levels = [event.level for _, event in board.events if isinstance(event, IrqChanged)]
    assert levels == [index % 2 == 0 for index in range(len(levels))], "the line changes with every event"
    assert board.irq[0] == bool(board.read(ICS) & board.read(IMS))


@SLOW
@given(register_programs())
def test_reset_undoes_any_program(program: list[tuple[int, int]]) -> None:
    board = Board()
    for offset, value in program:
        board.engine.mmio_write(0, offset, value)
    board.write(CTRL, CTRL.RST)
    board.write(RAL, 0)  # so that the EEPROM's address does not come meanwhile
    for register in (register for register in REGISTERS if not register.memory):  # tables keep what they have
        for offset in register.offsets():
            differs = board.read_at(offset) ^ register.reset
            assert not differs & ~OF_THE_BOARD.get(register, 0), register.__name__


@SLOW
@given(st.lists(st.tuples(st.sampled_from([ICR, ICS, IMS, IMC]), st.booleans(), st.integers(0, 255))))
def test_interrupt_registers_against_sets(program: list[tuple[type[Register], bool, int]]) -> None:
    """ICR, ICS, IMS and IMC as operations on two sets of bits."""
    board = Board()
    latched = mask = 0
    for register, is_read, value in program:
        if is_read:
            expected = {ICR: latched, ICS: latched, IMS: mask, IMC: 0}[register]
            assert board.read(register) == expected
            if register is ICR:
                latched = 0
        else:
            board.write(register, value)
            causes = value & ICR.writable
            latched = latched & ~causes if register is ICR else latched | causes if register is ICS else latched
            mask = mask | causes if register is IMS else mask & ~causes if register is IMC else mask
        board.run(1_000)
        assert board.irq == [bool(latched & mask)]


@SLOW
@given(
    st.lists(st.one_of(ANY_FRAME, st.integers(1, RING)), max_size=120),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_kept_frames_come_out_in_order_and_the_statistics_agree(
    steps: list[WireFrame | int], store_bad: bool, accept_groups: bool, bsize: int
) -> None:
    """Frames of any kind against a driver that cleans and refills now and then."""
    rctl = RCTL.EN | RCTL.UPE | RCTL.SECRC | RCTL.BSIZE.put(bsize)
    rctl |= (RCTL.SBP if store_bad else 0) | (RCTL.MPE if accept_groups else 0)
    driver = Driver(rctl)
    sent = []
    for step in steps:
        if isinstance(step, int):
            driver.clean(step)
        else:
            sent.append(step)
            driver.board.send([step])
    driver.clean_all()

    verdicts = driver.board.engine.wires[0].take_verdicts()
    assert len(verdicts) == len(sent)
    kept = [item for item, verdict in zip(sent, verdicts, strict=True) if verdict is Verdict.KEPT]
    assert driver.received == [item.data for item in kept]
    for item, verdict in zip(sent, verdicts, strict=True):
        assert (verdict is Verdict.FILTERED) == (bool(item.data[0] & 1) and not accept_groups)
    good = [item for item in kept if not item.bad_fcs and 60 <= len(item.data) <= 1518]
    assert store_bad or good == kept

    count = driver.board.read
    by_verdict = Counter(verdicts)
    assert count(TPR) == len(sent)
    assert count(GPRC) == len(good)
    assert sum(map(count, (PRC64, PRC127, PRC255, PRC511, PRC1023, PRC1522))) == len(good)
    assert count(MPC) == by_verdict[Verdict.MISSED]
    bad = sum(map(count, (CRCERRS, RUC, RFC, ROC)))  # one of them for each bad frame that passes the filter
    if store_bad:
        assert by_verdict[Verdict.ERROR] == 0
    else:
        assert by_verdict[Verdict.ERROR] == bad


class Driver:
    """Cleans the ring and gives the descriptors back."""

    def __init__(self, rctl: int) -> None:
        self.board = Board()
        self.board.set_up_ring(RING, rctl=rctl)
        self.received: list[bytes] = []
        self._partial = b""
        self._next = 0

    def clean(self, most: int) -> int:
        """Take so many descriptors off the ring, if they are done; returns how many."""
        for count in range(most):
            if not self.board.done(self._next):
                return count
            self._partial += self.board.payload(self._next)
            if self.board.descriptor(self._next).status.EOP:
                self.received.append(self._partial)
                self._partial = b""
            self.board.lay(self._next)
            self.board.write(RDT, self._next)
            self._next = (self._next + 1) % RING
        return most

    def clean_all(self) -> None:
        """Until nothing more comes."""
        self.board.run_until_silent()
        while self.clean(RING):
            self.board.run(200_000)
        assert not self._partial
        assert self.board.read(RDH) == self._next
