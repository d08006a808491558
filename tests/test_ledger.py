"""The books close on a good run, and on no other."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engines.base import Verdict, WireFrame
from emulator.errors import RunFailed
from emulator.ledger import Ledger, check_conservation, total_counts, total_latency
from emulator.results import FrameCounts, NicStatistics

BYTE_PS = 8_000
FAR_NS = 10**12
REGULAR = [Verdict.KEPT, Verdict.MISSED, Verdict.ERROR, Verdict.FILTERED]


def frame(number: int) -> WireFrame:
    return WireFrame(number.to_bytes(4) + bytes(56))


def statistics_of(verdicts: list[Verdict]) -> NicStatistics:
    count = Counter(verdicts)
    return NicStatistics(
        kept=count[Verdict.KEPT],
        missed=count[Verdict.MISSED],
        error=count[Verdict.ERROR],
        filtered=count[Verdict.FILTERED],
    )


def judged(verdicts: list[Verdict]) -> tuple[Ledger, list[bytes]]:
    """A ledger after these verdicts, and the data of the frames that were kept."""
    ledger = Ledger(0, BYTE_PS)
    sent = [offered.data for offered in ledger.offer(frame(number) for number in range(len(verdicts)))]
    ledger.judged(verdicts)
    return ledger, [data for data, verdict in zip(sent, verdicts, strict=True) if verdict is Verdict.KEPT]


def kept(count: int) -> tuple[Ledger, list[bytes]]:
    return judged([Verdict.KEPT] * count)


@given(st.lists(st.sampled_from(REGULAR)), st.data())
def test_any_good_run_closes(verdicts: list[Verdict], data: st.DataObject) -> None:
    """Frames are offered, judged and taken in any interleaving; the backlog drops some, ahead of earlier deliveries."""
    ledger = Ledger(0, BYTE_PS)
    wire = ledger.offer(frame(number) for number in range(len(verdicts)))
    to_judge = deque(verdicts)
    on_wire: deque[bytes] = deque()
    ring: deque[tuple[int, bytes]] = deque()
    backlog: deque[tuple[int, bytes]] = deque()
    received = dropped = 0
    while True:
        steps = [
            name
            for name, possible in (
                ("offer", ledger.offered < len(verdicts)),
                ("judge", on_wire),
                ("receive", ring),
                ("drop", ring),
                ("deliver", backlog),
            )
            if possible
        ]
        if not steps:
            break
        step = data.draw(st.sampled_from(steps))
        if step == "offer":
            on_wire.append(next(wire).data)
        elif step == "judge":
            verdict = to_judge.popleft()
            ledger.judged([verdict])
            frame_data = on_wire.popleft()
            if verdict is Verdict.KEPT:
                ring.append((received, frame_data))
                received += 1
        elif step == "receive":
            backlog.append(ring.popleft())
        elif step == "drop":
            ledger.drop_at_backlog(*ring.popleft())
            dropped += 1
        else:
            ledger.deliver(*backlog.popleft(), FAR_NS)
    counts = ledger.close(statistics_of(verdicts))
    assert counts.offered == len(verdicts) == ledger.done
    assert counts.backlog == dropped
    assert counts.delivered == received - dropped
    assert (counts.nic_missed, counts.nic_error, counts.nic_filtered) == tuple(map(verdicts.count, REGULAR[1:]))


def test_latency_counts_from_the_last_fcs_byte() -> None:
    ledger = Ledger(0, BYTE_PS)
    sent = [offered.data for offered in ledger.offer([frame(0)._replace(start_ps=1_000_500), frame(1)])]
    ledger.judged([Verdict.KEPT] * 2)
    ledger.deliver(0, sent[0], 1_000 + 72 * 8 + 100)
    ledger.deliver(1, sent[1], 1_000 + (84 + 72) * 8 + 101)
    assert ledger.latencies == Counter({100: 1, 101: 1})


def test_offered_frames_are_passed_on_as_they_are() -> None:
    ledger = Ledger(0, BYTE_PS)
    frames = [WireFrame(bytes(60), 300, bad_fcs=True), frame(1)]
    assert list(ledger.offer(frames)) == frames


def test_memory_does_not_grow_with_the_run() -> None:
    ledger = Ledger(0, BYTE_PS)
    for number, offered in enumerate(ledger.offer(frame(number) for number in range(1000))):
        ledger.judged([Verdict.KEPT])
        ledger.deliver(number, offered.data, offered.start_ps + FAR_NS)
        assert len(ledger._kept) + len(ledger._on_wire) == 0


def test_a_changed_frame() -> None:
    ledger, data = kept(1)
    with pytest.raises(RunFailed, match="frame 0 changed on its way: byte 59 was sent as 0x00 and received as 0x01"):
        ledger.deliver(0, data[0][:-1] + b"\1", FAR_NS)


def test_a_cut_frame() -> None:
    ledger, data = kept(1)
    with pytest.raises(RunFailed, match="frame 0 changed on its way: sent 60 bytes, received 59"):
        ledger.deliver(0, data[0][:-1], FAR_NS)


def test_exchanged_frames() -> None:
    ledger, data = kept(2)
    with pytest.raises(RunFailed, match="frame 0 changed on its way: byte 3"):
        ledger.deliver(0, data[1], FAR_NS)


def test_a_frame_delivered_twice() -> None:
    ledger, data = kept(2)
    ledger.deliver(0, data[0], FAR_NS)
    with pytest.raises(RunFailed, match="received frame 0 came out of the driver twice"):
        ledger.deliver(0, data[0], FAR_NS)


def test_a_frame_dropped_and_delivered() -> None:
    ledger, data = kept(1)
    ledger.drop_at_backlog(0, data[0])
    with pytest.raises(RunFailed, match="twice"):
        ledger.deliver(0, data[0], FAR_NS)


def test_frames_out_of_order() -> None:
    ledger, data = kept(2)
    ledger.deliver(1, data[1], FAR_NS)
    with pytest.raises(RunFailed, match="frame 0 was delivered after a later one"):
        ledger.deliver(0, data[0], FAR_NS)


def test_an_unknown_frame() -> None:
    ledger, data = judged([Verdict.MISSED, Verdict.KEPT])
    with pytest.raises(RunFailed, match="the driver received frame 1, but the NIC kept only 1"):
        ledger.deliver(1, data[0], FAR_NS)


def test_a_frame_before_it_arrived() -> None:
    ledger, data = kept(1)
    ledger.deliver(0, data[0], 72 * 8)
    ledger, data = kept(1)
    with pytest.raises(RunFailed, match="frame 0 was delivered 1 ns before it had arrived"):
        ledger.deliver(0, data[0], 72 * 8 - 1)


def test_a_verdict_too_many() -> None:
    ledger, _ = kept(2)
    with pytest.raises(RunFailed, match="verdict MISSED, but all 2 frames sent have one"):
        ledger.judged([Verdict.MISSED])


def test_a_verdict_too_few() -> None:
    ledger = Ledger(3, BYTE_PS)
    list(ledger.offer([frame(0), frame(1)]))
    ledger.judged([Verdict.FILTERED])
    with pytest.raises(RunFailed, match="NIC 3: 1 of 2 frames got no verdict, from frame 1 on"):
        ledger.close(statistics_of([Verdict.FILTERED]))


def test_a_receiver_that_was_off() -> None:
    ledger, _ = judged([Verdict.DISABLED])
    with pytest.raises(RunFailed, match="1 frames arrived while its receiver was off"):
        ledger.close(statistics_of([]))


def test_a_lost_frame() -> None:
    ledger, data = judged([Verdict.MISSED, Verdict.KEPT, Verdict.KEPT])
    ledger.deliver(0, data[0], FAR_NS)
    with pytest.raises(RunFailed, match="1 of the 2 frames that it kept never reached the stack, the first is frame 2"):
        ledger.close(statistics_of([Verdict.MISSED, Verdict.KEPT, Verdict.KEPT]))


@pytest.mark.parametrize("name", ["kept", "missed", "error", "filtered"])
@pytest.mark.parametrize("wrong", [-1, 1])
def test_statistics_that_disagree(name: str, wrong: int) -> None:
    verdicts = REGULAR + REGULAR
    ledger, data = judged(verdicts)
    for number, content in enumerate(data):
        ledger.deliver(number, content, FAR_NS)
    statistics = replace(statistics_of(verdicts), **{name: 2 + wrong})
    with pytest.raises(RunFailed, match=f"2 frames had the verdict {name.upper()}, but .* say {2 + wrong}"):
        ledger.close(statistics)


@given(st.lists(st.integers(0, 100), min_size=6, max_size=6))
def test_conservation(numbers: list[int]) -> None:
    names = ("offered", "delivered", "nic_missed", "nic_error", "nic_filtered", "backlog")
    counts = FrameCounts(**dict(zip(names, numbers, strict=True)))
    whole = replace(counts, offered=sum(numbers[1:]))
    check_conservation(whole, "NIC 0")
    for wrong in (-1, 1):
        with pytest.raises(RunFailed, match="frames offered, but"):
            check_conservation(replace(whole, offered=whole.offered + wrong), "NIC 0")
    assert total_counts([whole, counts]).delivered == 2 * numbers[1]
    assert total_counts([whole, counts]).offered == whole.offered + numbers[0]


@given(st.lists(st.lists(st.integers(0, 50)), max_size=3))
def test_percentiles_are_exact(latencies: list[list[int]]) -> None:
    ledgers = []
    for values in latencies:
        ledger, data = kept(len(values))
        for number, (content, value) in enumerate(zip(data, values, strict=True)):
            ledger.deliver(number, content, (number * 84 + 72) * 8 + value)
        ledgers.append(ledger)
    flat = sorted(value for values in latencies for value in values)
    result = total_latency(ledgers)
    if not flat:
        assert result is None
        return
    assert result is not None
    assert (result.min, result.max) == (flat[0], flat[-1])
    for percent, found in ((50, result.p50), (99, result.p99)):
        assert sum(value <= found for value in flat) * 100 >= percent * len(flat)
        assert sum(value < found for value in flat) * 100 < percent * len(flat)
