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


class RxReport(data.Struct):
    """What a frame's last descriptor says of it; a part of :class:`RxDescriptor`, in the same order."""

    checksum: 16  # of the packet
    status: RxStatus
    errors: RxErrors
    special: 16  # 802.1Q tag


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


class TxContextCommand(data.Struct):
    """Command byte of a TCP/IP context descriptor (SDM 3.3.6.1)."""

    TCP: 1  # the packets are TCP; UDP if clear
    IP: 1  # they are IPv4; IPv6 if clear
    TSE: 1  # this is the context for segmentation, not the one for checksums only
    RS: 1  # report status: write the descriptor back
    reserved: 1
    DEXT: 1  # not a legacy descriptor
    reserved2: 1
    IDE: 1  # its interrupt may be delayed


class TxContextDescriptor(data.Struct):
    """TCP/IP context descriptor, 16 bytes (SDM 3.3.6): how to handle the packets of the data descriptors that follow.

    Offsets count from the start of the packet, a tag that the hardware inserts not included. An end of 0 is that of
    the packet; else it is the last byte that is summed up.
    """

    ipcss: 8  # where the IP checksum starts
    ipcso: 8  # where it goes
    ipcse: 16  # where it ends
    tucss: 8  # where the TCP or UDP checksum starts: the TCP or UDP header
    tucso: 8  # where it goes
    tucse: 16  # where it ends
    paylen: 20  # bytes behind the headers, of all segments together
    dtyp: 4  # TX_CONTEXT
    command: TxContextCommand
    status: TxStatus
    reserved: 4
    hdrlen: 8  # bytes of the headers that each segment gets
    mss: 16  # bytes behind them, in each segment but the last


class TxDataCommand(data.Struct):
    """Command byte of a TCP/IP data descriptor (SDM 3.3.7.1).

    With TSE, the first descriptor of a packet has IFCS and VLE for all its segments; else the last one has.
    """

    EOP: 1  # end of packet
    IFCS: 1  # insert the FCS
    TSE: 1  # segment the packet
    RS: 1  # report status: write the descriptor back
    RPS: 1  # report packet sent (82544 only)
    DEXT: 1  # not a legacy descriptor
    VLE: 1  # insert an 802.1Q tag
    IDE: 1  # its interrupt may be delayed


class TxPacketOptions(data.Struct):
    """POPTS of a TCP/IP data descriptor (SDM 3.3.7.3); those of a packet's first descriptor hold."""

    IXSM: 1  # insert the IP checksum
    TXSM: 1  # insert the TCP or UDP checksum
    reserved: 6


class TxDataDescriptor(data.Struct):
    """TCP/IP data descriptor, 16 bytes (SDM 3.3.7)."""

    address: 64  # of the data
    dtalen: 20  # bytes of it
    dtyp: 4  # TX_DATA
    command: TxDataCommand
    status: TxStatus
    reserved: 4
    popts: TxPacketOptions
    special: 16  # 802.1Q tag


#: DTYP of extended transmit descriptors, those with DEXT (SDM 3.3.6, 3.3.7).
TX_CONTEXT, TX_DATA = 0, 1


class RxDescriptor(data.Struct):
    """Legacy receive descriptor, 16 bytes (SDM 3.2.3)."""

    address: 64  # of the buffer; written by the driver
    length: 16  # bytes that the hardware put into the buffer
    checksum: 16  # of the packet
    status: RxStatus
    errors: RxErrors
    special: 16  # 802.1Q tag
