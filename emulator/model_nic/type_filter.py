"""What a frame's type decides: tags and MAC control frames (SDM 9.1 to 9.3, 13.4.22; IEEE 802.3, 31A)."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.model_nic.address_filter import REJECTED
from emulator.model_nic.descriptor import VP
from hdl.nic.regmap import CTRL, RCTL, REGISTER_BITS, VET, VFTA

_CONTROL = b"\x88\x08"
_RESERVED_ADDRESS = b"\x01\x80\xc2\x00\x00\x01"
_PAUSE = b"\x00\x01"
_TAG_AT, _TAG_BYTES = 12, 4
_VID_MASK, _CFI_SHIFT = 0xFFF, 12


class TypeFilter:
    """Looks at frames of certain types only.

    Attributes:
        special: these types, as they are in frames.
    """

    __slots__ = ("_cfi", "_control", "_drop_other", "_drop_pause", "_filter", "_strip", "_table", "_tag", "special")

    def __init__(self, values: Mapping[int, int]) -> None:
        """What these registers, by offset, ask for."""
        rctl = values[RCTL.offset]
        self._tag = values[VET.offset].to_bytes(2, "big")
        self._strip = bool(values[CTRL.offset] & CTRL.VME)
        self._filter = bool(rctl & RCTL.VFE)
        self._cfi = RCTL.CFI.get(rctl) if rctl & RCTL.CFIEN else None
        self._table = [values[offset] for offset in VFTA.offsets()]
        self._drop_pause, self._drop_other = bool(rctl & RCTL.DPF), not rctl & RCTL.PMCF
        self.special = set()
        if self._drop_pause or self._drop_other:
            self.special.add(_CONTROL)
        if self._strip or self._filter:
            self.special.add(self._tag)

    def judge(self, data: bytes, status: int, station: bool) -> tuple[int, bytes, int]:
        """A frame of such a type.

        Args:
            data: without FCS.
            status: of its descriptor, so far.
            station: its destination is in the receive address table.

        Returns:
            Status or REJECTED; what the host gets of it; the tag that was taken out, or 0.
        """
        special = 0
        if data[_TAG_AT : _TAG_AT + 2] == _CONTROL and (station or data[:6] == _RESERVED_ADDRESS):
            pause = data[_TAG_AT + 2 : _TAG_AT + 4] == _PAUSE
            if self._drop_pause if pause else self._drop_other:
                return REJECTED, data, 0
        if data[_TAG_AT : _TAG_AT + 2] == self._tag:
            tag = int.from_bytes(data[_TAG_AT + 2 : _TAG_AT + 4], "big")
            if self._filter and not self._passes(tag):
                return REJECTED, data, 0
            if self._strip:
                status, special = status | VP, tag
                data = data[:_TAG_AT] + data[_TAG_AT + _TAG_BYTES :]
        return status, data, special

    def _passes(self, tag: int) -> bool:
        if self._cfi is not None and tag >> _CFI_SHIFT & 1 != self._cfi:
            return False
        word, bit = divmod(tag & _VID_MASK, REGISTER_BITS)
        return bool(self._table[word] >> bit & 1)
