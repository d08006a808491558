"""Several queues: flows keep to theirs, each CPU polls its own, and one that is stuck does not hold up the others."""

from __future__ import annotations

from collections import defaultdict

from driver.e1000.main import e1000_remove
from driver.kernel.cpu import this_cpu
from driver.kernel.net.netdevice import dev_close, dev_open
from driver.kernel.pci import pci_irq_vector
from driver.kernel.views.snapshot import take_snapshot
from hdl.nic.regmap import EIMC
from tests.e1000.support import Rig

FLOWS = 16
COUNT = 480


class Sorted:
    """What was delivered, by flow.

    Attributes:
        queues: of each flow, the receive queues that its packets came by.
        cpus: the same, the CPUs that delivered them.
        sequences: the same, the packets' numbers.
    """

    def __init__(self, rig: Rig) -> None:
        self.queues: defaultdict[bytes, set[int]] = defaultdict(set)
        self.cpus: defaultdict[int, set[int]] = defaultdict(set)
        self.sequences: defaultdict[bytes, list[int]] = defaultdict(list)
        rig.machine.tracepoints.register("netif_receive_skb", self._deliver)

    def _deliver(self, skb) -> None:  # type: ignore[no-untyped-def]
        source = skb.data[26:30]
        self.queues[source].add(skb.queue_mapping)
        self.cpus[skb.queue_mapping].add(this_cpu().id)
        self.sequences[source].append(int.from_bytes(skb.data[44:52]))


def rig_with(queues: int = 2, **options: object) -> Rig:
    return Rig(queues=queues, cpus=queues, flows=FLOWS, count=COUNT, **options)


def test_flows_keep_to_a_queue_and_queues_to_a_cpu() -> None:
    rig = rig_with(queues=4)
    delivered = Sorted(rig)
    rig.send(rig.traffic())
    rig.run_for(2_000_000)
    assert sum(map(len, delivered.sequences.values())) == COUNT
    assert all(len(queues) == 1 for queues in delivered.queues.values())
    assert all(numbers == sorted(numbers) for numbers in delivered.sequences.values())
    assert delivered.cpus == {queue: {queue} for queue in delivered.cpus}
    assert len(delivered.cpus) > 2


def test_each_queue_has_a_vector_named_as_igb_does() -> None:
    rig = rig_with()
    lines = {line.irq: line for line in take_snapshot(rig.machine).irqs}
    pdev = rig.adapter.pdev
    names = [lines[pci_irq_vector(pdev, vector)].actions for vector in range(3)]
    assert names == [("eth0",), ("eth0-TxRx-0",), ("eth0-TxRx-1",)]
    assert all(lines[pci_irq_vector(pdev, vector)].edge for vector in range(3))


def test_a_queue_that_nobody_polls_does_not_keep_the_other_waiting() -> None:
    """Its vector is masked behind the driver's back: its ring runs dry, and its frames are dropped and counted."""
    rig = rig_with(ring=32)
    rig.engine.mmio_write(0, EIMC.offset, rig.adapter.q_vectors[0].eims_value)
    delivered = Sorted(rig)
    sent: defaultdict[bytes, int] = defaultdict(int)
    for frame in rig.traffic():
        sent[frame.data[26:30]] += 1
    rig.send(rig.traffic())
    rig.run_for(2_000_000)
    assert set(delivered.cpus) == {1}
    assert all(len(numbers) == sent[flow] for flow, numbers in delivered.sequences.items())
    rig.call(dev_close(rig.netdevs[0]))
    stuck = sum(count for flow, count in sent.items() if flow not in delivered.sequences)
    assert rig.adapter.rx_queue_drops == [stuck - 31, 0], "what its ring had no room for"


def test_a_poll_of_a_burst_masks_the_vector() -> None:
    """Far fewer interrupts than packets when they come faster than they are served."""
    rig = rig_with(costs="router2002")
    rig.send(rig.traffic())
    rig.run_for(20_000_000)
    counts = [sum(rig.machine.irqs.desc(vector.irq).counts) for vector in rig.adapter.q_vectors]
    assert all(0 < count < 40 for count in counts)


def test_down_and_up_again() -> None:
    rig = rig_with()
    (dev,) = rig.netdevs
    rig.call(dev_close(dev))
    assert not rig.adapter.pdev.mappings
    assert rig.call(dev_open(dev)) == 0
    rig.run_for(5_000_000)
    delivered = Sorted(rig)
    rig.send(rig.traffic())
    rig.run_for(2_000_000)
    assert sum(map(len, delivered.sequences.values())) == COUNT


def test_remove_gives_the_vectors_back() -> None:
    rig = rig_with()
    rig.call(e1000_remove(rig.netdevs[0]))
    assert rig.adapter.pdev.vectors == 0
    assert not take_snapshot(rig.machine).irqs
