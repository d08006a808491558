"""Frames as beats of the transmit path, TxBeat, and back."""

from collections.abc import Iterable

from hdl.nic.tx_align import TxBeat


def beats_of(data: bytes, width: int, **frame: int) -> list[int]:
    """The beats of a frame, each with these fields of its TxFrame."""
    lanes, layout = width // 8, TxBeat(width)
    parts = [data[start : start + lanes] for start in range(0, len(data), lanes)]
    return [
        layout.const(
            {
                "data": int.from_bytes(part, "little"),
                "count": len(part),
                "last": number == len(parts) - 1,
                "frame": frame,
            }
        ).as_bits()
        for number, part in enumerate(parts)
    ]


def frames_of(beats: Iterable[int], width: int) -> list[bytes]:
    """The frames that beats make up; all but the last of a frame must be full, and lanes without bytes zero."""
    lanes, layout = width // 8, TxBeat(width)
    frames, data = [], b""
    for bits in beats:
        beat = layout.from_bits(bits)
        assert 0 < beat.count <= lanes
        assert beat.last or beat.count == lanes
        assert beat.data >> 8 * beat.count == 0
        data += beat.data.to_bytes(lanes, "little")[: beat.count]
        if beat.last:
            frames.append(data)
            data = b""
    assert not data, "a frame without its end"
    return frames
