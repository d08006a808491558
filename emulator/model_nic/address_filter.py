"""The address filter (SDM 3.1): which frames are for this station, by RCTL, RAL/RAH and the multicast table MTA.

A receive address that asks for a comparison with the source address (RAH.AS) matches nothing: that feature is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.model_nic.descriptor import PIF
from emulator.model_nic.statistics import BROADCAST
from hdl.nic.regmap import MTA, RAH, RAL, RCTL, REGISTER_BITS

REJECTED = -1

_DESTINATION = 0  # RAH.AS
_LOWEST_BIT = (36, 35, 34, 32)  # of the hash in the address, by RCTL.MO
_HASH_MASK = 0xFFF


class AddressFilter:
    """Decides by destination address.

    Attributes:
        stations: destinations in the receive address table.
    """

    __slots__ = ("_broadcast", "_hash_shift", "_multicast", "_table", "_unicast", "stations")

    def __init__(self, values: Mapping[int, int]) -> None:
        """The filter that these registers, by offset, ask for."""
        rctl = values[RCTL.offset]
        self._unicast = PIF if rctl & RCTL.UPE else REJECTED
        self._multicast = PIF if rctl & RCTL.MPE else REJECTED
        self._broadcast = 0 if rctl & RCTL.BAM else self._multicast  # a broadcast is a multicast to everybody
        self._hash_shift = _LOWEST_BIT[RCTL.MO.get(rctl)]
        table = [values[offset] for offset in MTA.offsets()]
        self._table = table if any(table) else None
        self.stations = set()
        for low, high in zip(RAL.offsets(), RAH.offsets(), strict=True):
            if values[high] & RAH.AV and RAH.AS.get(values[high]) == _DESTINATION:
                address = RAH.ADDRESS.get(values[high]) << 32 | values[low]
                self.stations.add(address.to_bytes(6, "little"))

    def judge(self, destination: bytes) -> int:
        """What a frame to this address has in the status of its descriptor: 0, or PIF; or REJECTED."""
        if destination in self.stations:
            return 0
        if not destination[0] & 1:
            return self._unicast
        verdict = self._broadcast if destination == BROADCAST else self._multicast
        if verdict < 0 and self._table is not None:
            return self._look_up(destination, self._table)
        return verdict

    def _look_up(self, destination: bytes, table: list[int]) -> int:
        address_hash = int.from_bytes(destination, "little") >> self._hash_shift & _HASH_MASK
        word, bit = divmod(address_hash, REGISTER_BITS)
        return PIF if table[word] >> bit & 1 else REJECTED
