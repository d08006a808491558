"""Random packets for the transmit path: descriptors and data in host memory, and the frames that must come of them."""

import random
import zlib

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.tx_descriptor import fetch
from emulator.model_nic.tx_packet import PacketBuilder
from hdl.nic.layouts import TxContextDescriptor
from tests.engines.tx_packets import ETHERNET, Offloaded, data_descriptor, legacy_descriptor

_DESCRIPTOR_AT = 0x100  # where the model finds the descriptor that it is given


class TxProgram:
    """Descriptors in order, and the model's opinion of them.

    Attributes:
        memory: host memory with the data.
        descriptors: as integers.
        frames: what must leave, with FCS.
        statistics: of the model.
    """

    def __init__(self, *, tag_ethertype: int = 0x8100, tag_frames: bool = True, start: int = 0x1000):
        """``start``: where in memory the data begins."""
        self.memory = ModelMemory(1 << 20)
        self.descriptors: list[int] = []
        self.frames: list[bytes] = []
        self.statistics = Statistics()
        self._builder = PacketBuilder(self.statistics)
        self._builder.tag_ethertype = tag_ethertype if tag_frames else 0
        self.start = self._next = start

    def begin_anew(self) -> None:
        """Forget descriptors, data and frames, but not the contexts, which the NIC keeps too."""
        self.descriptors = []
        self.frames = []
        self._next = self.start

    @property
    def end(self) -> int:
        """Where the data in memory ends; it begins at ``start``."""
        return self._next

    def put(self, bits: int) -> None:
        """The next descriptor."""
        self.descriptors.append(bits)
        self.memory.write(_DESCRIPTOR_AT, bits.to_bytes(16, "little"))
        fetched = fetch(self.memory.pages, _DESCRIPTOR_AT)
        for frame in self._builder.add(fetched, self.memory.read(fetched.address, fetched.length)):
            fcs = zlib.crc32(frame.data).to_bytes(4, "little") if frame.insert_fcs else b""
            self.frames.append(frame.data + fcs)

    def buffer(self, data: bytes) -> int:
        """Puts data somewhere; returns its address."""
        address = self._next + random.randrange(64)
        self._next = address + len(data)
        assert self._next < self.memory.size, "the program does not fit into its memory"
        self.memory.write(address, data)
        return address

    def random_packet(self) -> None:
        """Any packet that a driver might send, or that it had better not."""
        random.choice((self._legacy, self._offloaded, self._offloaded, self._wild, self._nothing))()

    def _pieces(self, data: bytes) -> list[bytes]:
        cuts = sorted(random.choices(range(len(data) + 1), k=random.choice((0, 0, 1, 3))))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def _legacy(self) -> None:
        data = random.randbytes(random.choice((14, 60, 61, 64, 65, random.randrange(14, 1600))))
        options = {name: random.getrandbits(1) for name in ("IC", "IFCS", "VLE", "RS")}
        options["IFCS"] |= random.getrandbits(1)
        sums = {"css": random.randrange(256), "cso": random.randrange(256)}
        pieces = self._pieces(data)
        for piece in pieces[:-1]:
            self.put(legacy_descriptor(self.buffer(piece), len(piece), options, **sums))
        special = random.getrandbits(16)
        self.put(
            legacy_descriptor(self.buffer(pieces[-1]), len(pieces[-1]), options | {"EOP": 1}, special=special, **sums)
        )

    def _offloaded(self) -> None:
        length = random.choice((0, 1, 5, 1460, 1461, random.randrange(4000)))
        network = random.choice((IP(src="10.0.0.1", dst="10.0.0.2", id=random.getrandbits(16)), IPv6(src="fd00::1")))
        tcp = TCP(seq=random.getrandbits(32), flags=random.getrandbits(8))
        payload = Raw(random.randbytes(length))
        packet = Ether(bytes(ETHERNET / network / random.choice((tcp, UDP())) / payload))
        mss = random.choice((0, 1460, 536, random.randrange(200, 2000)))
        self._data(Offloaded(packet, mss=mss))

    def _data(self, packet: Offloaded) -> None:
        self.put(packet.context())
        popts = {"IXSM": random.getrandbits(1), "TXSM": random.getrandbits(1)}
        pieces = self._pieces(packet.in_memory())
        for number, piece in enumerate(pieces):
            command = {"TSE": bool(packet.mss), "IFCS": random.getrandbits(1), "VLE": random.getrandbits(1)}
            command["EOP"] = number == len(pieces) - 1
            address = self.buffer(piece)
            self.put(data_descriptor(address, len(piece), command, popts, random.getrandbits(16)))
            popts = {"IXSM": random.getrandbits(1), "TXSM": random.getrandbits(1)}

    def _wild(self) -> None:
        """A context without sense, and data that it does not fit."""
        fields = {
            name: random.getrandbits(width)
            for name, width in (("ipcss", 6), ("ipcso", 8), ("ipcse", 6), ("tucss", 7), ("tucso", 8), ("tucse", 10))
        }
        fields |= {
            "paylen": random.randrange(3000),
            "hdrlen": random.randrange(150, 240),
            "mss": random.randrange(1000),
        }
        if fields["mss"] < 100:
            fields["mss"] = 0
        fields["tucss"] = fields["ipcss"] + 20 + random.randrange(40)  # they must not overlap
        command = {"TCP": random.getrandbits(1), "IP": random.getrandbits(1), "TSE": random.getrandbits(1), "DEXT": 1}
        self.put(int(TxContextDescriptor.const(fields | {"command": command}).as_bits()))
        data = random.randbytes(random.randrange(1, 3000))
        pieces = self._pieces(data)
        for number, piece in enumerate(pieces):
            options = {"TSE": random.getrandbits(1), "IFCS": 1, "EOP": number == len(pieces) - 1}
            self.put(data_descriptor(self.buffer(piece), len(piece), options, {"IXSM": 1, "TXSM": 1}))

    def _nothing(self) -> None:
        """Descriptors without data, and of a type that there is not."""
        address = self.buffer(b"data")
        self.put(legacy_descriptor(0, 60, {"EOP": 1, "IFCS": 1}))
        self.put(data_descriptor(address, 4, {"EOP": 1}) ^ (random.randrange(2, 16) ^ 1) << 84)
        self.put(data_descriptor(0, 60, {"EOP": 1, "TSE": random.getrandbits(1)}))
