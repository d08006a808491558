"""What the board's wire says of what the RTL cannot do yet; the rest is in cocotb_tests/test_board_wire.py."""

from __future__ import annotations

import pytest

from emulator.engines.board_wire import BoardWire
from emulator.errors import UserError


def test_listening_to_the_rtl_is_refused_with_a_way_out() -> None:
    wire = BoardWire.__new__(BoardWire)  # no signals: there is nothing that it could look at
    with pytest.raises(UserError, match="--engine model"):
        wire.listen(lambda _frame: None)
