"""Tracepoints and their text, compared with lines as Linux writes them."""

from driver.kernel.cpu import this_cpu
from driver.kernel.net.napi import Napi, napi_complete_done, napi_schedule
from driver.kernel.net.skbuff import alloc_skb
from driver.kernel.trace import FORMATS, ftrace_line
from tests.kernel.net.test_napi import add_device
from tests.kernel.support import Computer


def test_one_receive_interrupt_reads_as_in_linux() -> None:
    computer = Computer(irq_entry=1000, irq_exit=500)
    lines: list[str] = []
    for name in FORMATS:

        def probe(*arguments: object, name: str = name) -> None:
            lines.append(ftrace_line(this_cpu(), name, *arguments))

        computer.machine.tracepoints.register(name, probe)

    async def poll(napi: Napi, _budget: int) -> int:
        await napi_complete_done(napi, 3)
        return 3

    napi = add_device(computer, poll)

    def work() -> None:
        napi_schedule(napi)

    computer.on_interrupt(work, time=12_344_000)
    computer.run(20_000_000)
    assert lines == [
        "          <idle>-0       [000] d.h1.     0.012345: irq_handler_entry: irq=16 name=eth0",
        "          <idle>-0       [000] d.h1.     0.012345: softirq_raise: vec=3 [action=NET_RX]",
        "          <idle>-0       [000] d.h1.     0.012345: irq_handler_exit: irq=16 ret=handled",
        "          <idle>-0       [000] ..s1.     0.012345: softirq_entry: vec=3 [action=NET_RX]",
        "          <idle>-0       [000] ..s1.     0.012345: napi_poll: napi poll on napi struct 0000000000000041 "
        "for device eth0 work 3 budget 64",
        "          <idle>-0       [000] ..s1.     0.012345: softirq_exit: vec=3 [action=NET_RX]",
    ]


def test_the_length_of_a_received_packet_is_without_its_ethernet_header() -> None:
    computer = Computer()
    napi = add_device(computer, lambda _napi, _budget: NotImplemented)
    assert napi.dev is not None
    skb = alloc_skb(bytes(66), napi.dev)
    assert skb is not None
    assert " len=52 " in FORMATS["netif_receive_skb"](skb)
    assert " len=66 " in FORMATS["net_dev_queue"](skb)
