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


class RxDescriptor(data.Struct):
    """Legacy receive descriptor, 16 bytes (SDM 3.2.3)."""

    address: 64  # of the buffer; written by the driver
    length: 16  # bytes that the hardware put into the buffer
    checksum: 16  # of the packet
    status: RxStatus
    errors: RxErrors
    special: 16  # 802.1Q tag
