"""The address filter (SDM 3.1): which frames are for this station, by RCTL and the receive addresses RAL/RAH.

A receive address that asks for a comparison with the source address (RAH.AS) matches nothing: that feature is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.model_nic.statistics import BROADCAST
from hdl.nic.regmap import RAH, RAL, RCTL

_DESTINATION = 0  # RAH.AS


class AddressFilter:
    """Decides by destination address."""

    __slots__ = ("_accept_broadcast", "_accept_multicast", "_accept_unicast", "_stations")

    def __init__(self, values: Mapping[int, int]) -> None:
        """The filter that these registers, by offset, ask for."""
        rctl = values[RCTL.offset]
        self._accept_unicast = bool(rctl & RCTL.UPE)
        self._accept_multicast = bool(rctl & RCTL.MPE)
        self._accept_broadcast = bool(rctl & (RCTL.BAM | RCTL.MPE))  # a broadcast is a multicast to everybody
        self._stations = set()
        for low, high in zip(RAL.offsets(), RAH.offsets(), strict=True):
            if values[high] & RAH.AV and RAH.AS.get(values[high]) == _DESTINATION:
                address = RAH.ADDRESS.get(values[high]) << 32 | values[low]
                self._stations.add(address.to_bytes(6, "little"))

    def accepts(self, destination: bytes) -> bool:
        """Whether a frame to this address passes."""
        if not destination[0] & 1:
            passes = self._accept_unicast
        elif destination == BROADCAST:
            passes = self._accept_broadcast
        else:
            passes = self._accept_multicast
        return passes or destination in self._stations
