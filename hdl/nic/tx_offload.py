"""What the hardware is asked to do with a packet, from the context descriptors to the blocks that do it (SDM 3.3.6)."""

from amaranth.lib import data


class TxSum(data.Struct):
    """A checksum to insert into a frame; offsets count from its start."""

    wanted: 1
    start: 8  # of the bytes that are summed up
    end: 16  # the last one of them; 0 for the last one of the frame
    offset: 8  # where the checksum goes


class TxSums(data.Struct):
    """The checksums of a frame."""

    ip: TxSum
    transport: TxSum
    transport_bytes: 16  # added to the transport sum: in a segment, the length in the pseudo header
    never_zero: 1  # the transport checksum is UDP's, in which 0 means that there is none


class TxSegment(data.Struct):
    """A frame of a packet that is segmented."""

    first: 1  # of the packet's
    last: 1
    ipv4: 1  # or IPv6
    tcp: 1  # or UDP
    ip_at: 8  # where its header starts
    transport_at: 8
    header_bytes: 8
    payload_bytes: 16
    mss: 16  # payload bytes of the segment before it
