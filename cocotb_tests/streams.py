"""Sources and sinks of Amaranth streams, with pauses at random."""

import random
from collections.abc import Iterable

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge


class StreamSource:
    """Offers payloads, as integers, on the stream ``name``; ``pause`` is how often it makes none, from 0 to 1."""

    def __init__(self, dut, name: str, payloads: Iterable[int], *, pause: float = 0):
        self._valid, self._ready = getattr(dut, f"{name}__valid"), getattr(dut, f"{name}__ready")
        self._payload, self._clk, self._pause = getattr(dut, f"{name}__payload"), dut.clk, pause
        self.taken = 0  # payloads
        self.done = cocotb.start_soon(self._run(payloads))

    async def _run(self, payloads: Iterable[int]) -> None:
        self._valid.value = 0
        for payload in payloads:
            while random.random() < self._pause:
                await RisingEdge(self._clk)
            self._valid.value, self._payload.value = 1, payload
            await ReadOnly()
            while not self._ready.value:
                await RisingEdge(self._clk)
                await ReadOnly()
            await RisingEdge(self._clk)
            self.taken += 1
            self._valid.value = 0


class StreamSink:
    """Takes payloads, as integers, from the stream ``name`` into ``payloads``; checks that an offer stays."""

    def __init__(self, dut, name: str, *, pause: float = 0):
        self._valid, self._ready = getattr(dut, f"{name}__valid"), getattr(dut, f"{name}__ready")
        self._payload, self._clk, self._pause = getattr(dut, f"{name}__payload"), dut.clk, pause
        self.payloads: list[int] = []
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        offered = None
        while True:
            self._ready.value = int(random.random() >= self._pause)
            await ReadOnly()
            assert offered is None or self._valid.value, "valid fell without ready"
            if self._valid.value:
                payload = self._payload.value.to_unsigned()
                assert offered in {None, payload}, "the payload changed without ready"
                offered = payload
                if self._ready.value:
                    self.payloads.append(payload)
                    offered = None
            await RisingEdge(self._clk)
