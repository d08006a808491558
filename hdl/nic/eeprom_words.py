"""What the words of the EEPROM mean (SDM 5.6); standard library only, as the driver reads the same words."""

import enum

#: Words of the EEPROM.
WORDS = 64

#: What all words add up to, modulo 2**16.
CHECKSUM = 0xBABA


class Word(enum.IntEnum):
    """Numbers of words; those not here are of no concern to the device and its drivers."""

    STATION_0 = 0x00  #: the first two bytes of the MAC address, the first one in bits 7 to 0
    STATION_1 = 0x01
    STATION_2 = 0x02
    INIT_CONTROL1 = 0x0A
    SUBSYSTEM_ID = 0x0B
    SUBSYSTEM_VENDOR_ID = 0x0C
    DEVICE_ID = 0x0D
    VENDOR_ID = 0x0E
    INIT_CONTROL2 = 0x0F
    CHECKSUM = 0x3F  #: makes the sum right


#: The words of the MAC address.
STATION_WORDS = (Word.STATION_0, Word.STATION_1, Word.STATION_2)

#: In INIT_CONTROL1: what tells an EEPROM from none.
SIGNATURE = 0b01
SIGNATURE_LSB = 14
SIGNATURE_WIDTH = 2
