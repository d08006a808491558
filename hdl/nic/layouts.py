"""Descriptor layouts in host memory, as the RTL and the driver both read them.

SDM is the Intel 8254x Software Developer's Manual. Host memory is little-endian.
"""

from amaranth.lib import data


class RxStatus(data.Struct):
    """Status byte of a receive descriptor (SDM 3.2.3.1)."""

    DD: 1  # descriptor done: the hardware is finished with it
    EOP: 1  # end of packet: the last descriptor of a frame
    IXSM: 1  # ignore the checksum indications
    VP: 1  # 802.1Q tag stripped
    reserved: 1
    TCPCS: 1  # TCP or UDP checksum calculated
    IPCS: 1  # IP checksum calculated
    PIF: 1  # passed an inexact filter


class RxErrors(data.Struct):
    """Errors byte of a receive descriptor (SDM 3.2.3.2); only with RCTL.SBP."""

    CE: 1  # FCS error
    SE: 1  # symbol error
    SEQ: 1  # sequence error
    reserved: 1
    CXE: 1  # carrier extension error
    TCPE: 1  # TCP or UDP checksum error
    IPE: 1  # IP checksum error
    RXE: 1  # receive data error


class TxCommand(data.Struct):
    """Command byte of a legacy transmit descriptor (SDM 3.3.3.1)."""

    EOP: 1  # end of packet: the last descriptor of a frame
    IFCS: 1  # insert the FCS
    IC: 1  # insert a checksum
    RS: 1  # report status: write the descriptor back
    RPS: 1  # report packet sent (82544 only)
    DEXT: 1  # not a legacy descriptor
    VLE: 1  # insert an 802.1Q tag
    IDE: 1  # its interrupt may be delayed


class TxStatus(data.Struct):
    """Status of a transmit descriptor (SDM 3.3.3.2)."""

    DD: 1  # descriptor done: the hardware is finished with it
    EC: 1  # excess collisions (half duplex only)
    LC: 1  # late collision (half duplex only)
    TU: 1  # transmit underrun (82544 only)


class TxDescriptor(data.Struct):
    """Legacy transmit descriptor, 16 bytes (SDM 3.3.3)."""

    address: 64  # of the data; written by the driver
    length: 16  # bytes of it
    cso: 8  # where the checksum goes
    command: TxCommand
    status: TxStatus
    reserved: 4
    css: 8  # where the checksum starts
    special: 16  # 802.1Q tag


class RxDescriptor(data.Struct):
    """Legacy receive descriptor, 16 bytes (SDM 3.2.3)."""

    address: 64  # of the buffer; written by the driver
    length: 16  # bytes that the hardware put into the buffer
    checksum: 16  # of the packet
    status: RxStatus
    errors: RxErrors
    special: 16  # 802.1Q tag
