"""Access to the board's signals for the cocotb engine: integers in and out, at once, through cocotb's lowest layer.

``handle.value`` and ``handle.set(Immediate(...))`` do the same by way of a LogicArray; that takes three to ten times as
long, and a run does it for every packet.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from cocotb import simulator
from cocotb.handle import _GPISetAction

#: A cocotb handle. What is below one is known only in the simulator, so static types end here.
Handle: TypeAlias = Any

_NO_DELAY: int = _GPISetAction.NO_DELAY.value


def now_step() -> int:
    """Simulated time in steps of the simulator."""
    high, low = simulator.get_sim_time()
    return high << 32 | low


class Signal:
    """A signal of the board, none of whose bits is X when it is read."""

    def __init__(self, handle: Handle) -> None:
        gpi = handle._handle
        self._format = f"0{len(handle)}b"
        self._get = gpi.get_signal_val_binstr
        self._set = gpi.set_signal_val_binstr

    def read(self) -> int:
        """The value."""
        return int(self._get(), 2)

    def write(self, value: int) -> None:
        """Write a value that fits; it is there at once."""
        self._set(_NO_DELAY, format(value, self._format))


class SignalArray:
    """An array of signals."""

    def __init__(self, handle: Handle) -> None:
        self._gpi = handle._handle
        self._format = f"0{len(handle[0])}b"
        self._elements: dict[int, Any] = {}

    def read(self, index: int) -> int:
        """The value of an element."""
        return int(self._element(index).get_signal_val_binstr(), 2)

    def write(self, index: int, value: int) -> None:
        """Write a value that fits into an element; it is there at once."""
        self._element(index).set_signal_val_binstr(_NO_DELAY, format(value, self._format))

    def _element(self, index: int) -> Any:  # noqa: ANN401  (a handle of cocotb's lowest layer)
        element = self._elements.get(index)
        if element is None:
            element = self._elements[index] = self._gpi.get_handle_by_index(index)
        return element
