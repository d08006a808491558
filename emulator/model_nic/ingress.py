"""Receive ingress: what becomes of a frame that arrives (SDM 3.2, 13.4.22)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from emulator.engines.base import Verdict
from emulator.model_nic import descriptor
from emulator.model_nic.address_filter import AddressFilter
from emulator.model_nic.checksums import Checksums, packet_checksum
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.rx_queue import Reception
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.type_filter import TypeFilter
from emulator.wire_timing import FCS_BYTES
from hdl.nic.regmap import ICR, RCTL, RSRPD, RXCSUM, VET

MIN_BYTES = 64  #: shortest good frame, with FCS
MAX_BYTES = 1522  #: longest good frame, with FCS and an 802.1Q tag
MAX_LONG_BYTES = 16384  #: the same with RCTL.LPE


_KEPT, _MISSED = Verdict.KEPT, Verdict.MISSED  # a member costs a search through its class each time it is named


class Ingress:
    """Judges frames, counts them, and puts good ones into the queue."""

    __slots__ = (
        "_checksums",
        "_enabled",
        "_filter",
        "_filter_before",
        "_filter_changed",
        "_heard",
        "_heard_changed",
        "_interrupts",
        "_max_bytes",
        "_queue",
        "_schedule",
        "_small_bytes",
        "_start_at",
        "_statistics",
        "_store_bad",
        "_strip_fcs",
        "_types",
    )

    def __init__(
        self,
        schedule: Schedule,
        queue: Reception,
        interrupts: Interrupts,
        statistics: Statistics,
        values: Mapping[int, int],
    ) -> None:
        """``values``: the stored registers by offset, as they are after reset."""
        self._schedule = schedule
        self._queue = queue
        self._interrupts = interrupts
        self._statistics = statistics
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset. A frame that is under way counts as begun while the receiver was off."""
        self._heard = False
        self._heard_changed = self._filter_changed = 0
        self._filter = self._filter_before = AddressFilter(values)
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        rctl = values[RCTL.offset]
        self._enabled = bool(rctl & RCTL.EN)
        heard = self._enabled and not RCTL.LBM.get(rctl)
        if heard != self._heard:
            self._heard, self._heard_changed = heard, self._schedule.now
        self._filter, self._filter_before = AddressFilter(values), self._filter
        self._filter_changed = self._schedule.now
        self._store_bad = bool(rctl & RCTL.SBP)
        self._strip_fcs = bool(rctl & RCTL.SECRC)
        self._types = TypeFilter(values)
        rxcsum = values[RXCSUM.offset]
        self._start_at = RXCSUM.PCSS.get(rxcsum)
        self._checksums = Checksums(rxcsum, values[VET.offset]) if rxcsum & (RXCSUM.IPOFLD | RXCSUM.TUOFLD) else None
        self._small_bytes = RSRPD.SIZE.get(values[RSRPD.offset])
        self._max_bytes = MAX_LONG_BYTES if rctl & RCTL.LPE else MAX_BYTES

    def receive(self, data: bytes, bad_fcs: bool, began: int) -> Verdict:
        """A frame has arrived from the wire; decide what becomes of it.

        Args:
            data: without FCS.
            bad_fcs: its FCS is wrong.
            began: when its first bytes came in, in ns. What counts is whether the receiver was on then and listened to
                the wire, and for which addresses.
        """
        if self._heard != (began >= self._heard_changed):
            return Verdict.DISABLED
        return self._judge(data, bad_fcs, began)

    def receive_looped(self, data: bytes, bad_fcs: bool) -> None:
        """A frame has come back from the transmitter (RCTL.LBM); it is treated as one from the wire."""
        if self._enabled:
            self._judge(data, bad_fcs, self._schedule.now)

    def _judge(self, data: bytes, bad_fcs: bool, began: int) -> Verdict:
        length, destination = len(data) + FCS_BYTES, data[:6]
        address_filter = self._filter if began >= self._filter_changed else self._filter_before
        status = address_filter.judge(destination)
        host_data, special = data, 0
        if status >= 0 and data[12:14] in self._types.special:
            status, host_data, special = self._types.judge(data, status, destination in address_filter.stations)
        if status < 0:
            self._statistics.other_frame(length)
            return Verdict.FILTERED
        errors = 0
        if bad_fcs or not MIN_BYTES <= length <= self._max_bytes:
            errors = self._count_errors(length, bad_fcs)
            if not self._store_bad:
                self._statistics.other_frame(length)
                return Verdict.ERROR
        if not (self._strip_fcs and data):
            host_data += _fcs(data, bad_fcs)
        if not self._queue.has_room(len(host_data)):
            self._statistics.other_frame(length)
            self._statistics.missed()
            self._interrupts.latch(ICR.RXO)
            return _MISSED
        if errors:
            self._statistics.other_frame(length)
        else:
            self._statistics.good_frame(length, destination)
        if errors or self._checksums is None:
            status |= descriptor.IXSM
        else:
            checked, bad = self._checksums.judge(data)
            status, errors = status | checked, bad
        report = packet_checksum(host_data[self._start_at :]), status, errors, special
        self._queue.put(host_data, report, len(host_data) <= self._small_bytes)
        return _KEPT

    def _count_errors(self, length: int, bad_fcs: bool) -> int:
        """Count a bad frame; returns the error bits of its descriptor."""
        errors = descriptor.CE if bad_fcs else 0
        if length < MIN_BYTES:
            self._statistics.short_frame(bad_fcs)
            return errors | descriptor.RXE
        if bad_fcs:
            self._statistics.bad_fcs()
        if length > self._max_bytes:
            self._statistics.long_frame(bad_fcs)
            errors |= descriptor.RXE
        return errors


def _fcs(data: bytes, bad: bool) -> bytes:
    fcs = zlib.crc32(data)
    return (fcs ^ 0xFFFF_FFFF if bad else fcs).to_bytes(FCS_BYTES, "little")
