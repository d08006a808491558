"""The EEPROM port: EECD, EERD and what the device reads by itself after a reset (SDM 5.6, 13.4.3, 13.4.4).

After a reset, and when CTRL_EXT.EE_RST is written, the device looks for the signature in Initialization Control Word 1.
If it is there, so is an EEPROM: the device reads the MAC address, and puts it into the first receive address. Software
that writes the first receive address meanwhile has the last word.

The pins are software's while EECD.GNT is set. It is set when EECD.REQ is and the device is not reading; a read that
EERD asks for waits until REQ is clear again.
"""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.eeprom_words import SIGNATURE, SIGNATURE_LSB, SIGNATURE_WIDTH, STATION_WORDS, Word
from hdl.nic.microwire import WORD_BITS, MicrowireReader
from hdl.nic.registers import RegisterPort, constant, layout

#: What the device reads by itself, in this order.
_BY_ITSELF = (Word.INIT_CONTROL1, *STATION_WORDS)


class Eeprom(wiring.Component):
    """Shares the pins between software, EERD and the device.

    Attributes:
        eecd, eerd, ctrl_ext: the registers.
        write_data: data of a write to one of them.
        station_written: software writes the first receive address.
        station: the MAC address in the EEPROM, its first byte in bits 7 to 0.
        load_station: pulse, ``station`` is complete.
        eesk, eecs, eedi: pins, registered.
        eedo: pin, asynchronous.
    """

    eecd: In(RegisterPort())
    eerd: In(RegisterPort())
    ctrl_ext: In(layout(regmap.CTRL_EXT))
    write_data: In(regmap.REGISTER_BITS)
    station_written: In(1)
    station: Out(48)
    load_station: Out(1)
    eesk: Out(1)
    eecs: Out(1)
    eedi: Out(1)
    eedo: In(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = MicrowireReader()
        synchronizer = Signal(2)
        m.d.sync += synchronizer.eq(Cat(self.eedo, synchronizer[0]))
        m.d.comb += reader.do.eq(synchronizer[1])

        loading, wanted, granted, for_itself = Signal(init=1), Signal(), Signal(), Signal()
        step, address = Signal(range(len(_BY_ITSELF))), Signal(regmap.EERD.ADDR.width)
        m.d.comb += [
            reader.start.eq(reader.idle & ~granted & (loading | wanted)),
            reader.address.eq(Mux(loading, Array(_BY_ITSELF)[step], address)),
        ]
        with m.If(reader.start):
            m.d.sync += for_itself.eq(loading)

        present = self._load(m, reader, loading, step, reader.done & for_itself)
        self._read_word(m, reader, wanted, address, reader.done & ~for_itself)
        self._share_pins(m, reader, granted, present)
        return m

    def _load(self, m, reader, loading, step, done):
        """What the device reads by itself; returns whether an EEPROM is there."""
        present, overtaken = Signal(), Signal()
        signature = reader.word[SIGNATURE_LSB:][:SIGNATURE_WIDTH]
        m.d.sync += self.load_station.eq(0)
        with m.If(done):
            m.d.sync += step.eq(step + 1)
            with m.If(step == 0):
                m.d.sync += [present.eq(signature == SIGNATURE), loading.eq(signature == SIGNATURE)]
                with m.If(signature != SIGNATURE):
                    m.d.sync += step.eq(0)
            with m.Else():
                m.d.sync += self.station.eq(Cat(self.station[WORD_BITS:], reader.word))
            with m.If(step == len(_BY_ITSELF) - 1):
                m.d.sync += [loading.eq(0), step.eq(0), self.load_station.eq(~overtaken & ~self.station_written)]
        with m.If(self.station_written):
            m.d.sync += overtaken.eq(1)
        with m.If(self.ctrl_ext.EE_RST):
            m.d.sync += [loading.eq(1), overtaken.eq(0)]
        return present

    def _read_word(self, m, reader, wanted, address, done):
        """EERD."""
        written = Signal(layout(regmap.EERD))
        valid, word = Signal(), Signal(WORD_BITS)
        m.d.comb += written.eq(self.write_data)
        with m.If(self.eerd.write & ~wanted):
            m.d.sync += address.eq(written.ADDR)
            with m.If(written.START):
                m.d.sync += [wanted.eq(1), valid.eq(0)]
        with m.If(done):
            m.d.sync += [wanted.eq(0), valid.eq(1), word.eq(reader.word)]
        m.d.comb += self.eerd.value.eq(constant(regmap.EERD, DONE=valid, ADDR=address, DATA=word))

    def _share_pins(self, m, reader, granted, present):
        """EECD."""
        stored = Signal(layout(regmap.EECD), init={"FWE": regmap.EECD.FWE.reset})
        with m.If(self.eecd.write):
            m.d.sync += stored.eq(self.write_data & regmap.EECD.writable)
        with m.If(~stored.REQ):
            m.d.sync += granted.eq(0)
        with m.Elif(reader.idle & ~reader.start):
            m.d.sync += granted.eq(1)
        m.d.sync += [
            self.eesk.eq(Mux(granted, stored.SK, reader.sk)),
            self.eecs.eq(Mux(granted, stored.CS, reader.cs)),
            self.eedi.eq(Mux(granted, stored.DI, reader.di)),
        ]
        live = constant(regmap.EECD, FWE=stored.FWE, DO=reader.do, GNT=granted, PRES=present)
        m.d.comb += self.eecd.value.eq(stored.as_value() | live)
