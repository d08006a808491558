"""The pieces of frames, which are what the transmit path works on, and what goes with a frame to the wire."""

from amaranth.lib import data, enum


class TxSumValue(data.Struct):
    """A checksum that goes into a frame."""

    wanted: 1
    offset: 8  # of its first byte
    value: 16


class TxFrame(data.Struct):
    """What is to be done with a frame; it goes with the frame to the wire."""

    insert_fcs: 1
    drop: 1  # it is not whole, or cannot be: nothing of it is sent
    sums: 1  # checksums go into it, and tx_checksum has been told which; also with the frame's other pieces
    ip: TxSumValue  # behind tx_checksum
    transport: TxSumValue  # the same
    insert_tag: 1  # if CTRL.VME is set
    tag: 16  # the special field: priority, CFI and VLAN


class TxReport(data.Struct):
    """What the driver wants to hear of a descriptor."""

    report: 1  # RS: write it back
    report_sent: 1  # RPS: write it back, but not before the frame has left
    delay: 1  # IDE: the interrupt may be delayed


class TxSource(enum.Enum, shape=2):
    """Where the bytes of a piece come from, and where they go."""

    MEMORY = 0  # from host memory into the frame
    STORE = 1  # from host memory into the header memory: the headers of a packet that is segmented; no FIFO room
    INSERT = 2  # from the header memory into the frame: nothing to fetch, but FIFO room


class TxPiece(data.Struct):
    """Bytes that belong to a frame, one behind the other."""

    address: 64
    length: 20  # bytes; may be 0
    source: TxSource
    end: 1  # the frame ends with them
    frame: TxFrame  # with ``end``
    done: 1  # the descriptor is finished with once they are in the FIFO
    report: TxReport  # with ``done``
