"""Room in the model's receive FIFO."""

from __future__ import annotations

from emulator.model_nic.fifo import FIFO_WORDS, FifoRoom, words


def test_bytes_to_words() -> None:
    assert [words(length) for length in (0, 1, 8, 9, 1518)] == [0, 1, 1, 2, 190]


def taken(room: FifoRoom, now: int) -> int:
    """Words of the memory that are taken."""
    return FIFO_WORDS - room.free(now)


def test_frame_takes_room_and_gives_it_back_word_by_word() -> None:
    room = FifoRoom()
    assert taken(room, 0) == 0
    room.store(10)
    assert taken(room, 0) == 10
    room.leave(1_000, 10)  # its words leave at 928, 936, ... 1,000
    assert [taken(room, now) for now in (0, 936, 943, 944, 999, 1_000, 2_000)] == [10, 8, 8, 7, 1, 0, 0]


def test_pieces_leave_one_after_the_other() -> None:
    room = FifoRoom()
    room.store(30)
    room.leave(1_000, 10)
    room.leave(2_000, 20)
    assert [taken(room, now) for now in (1_000, 1_856, 1_864, 2_000)] == [20, 18, 17, 0]
