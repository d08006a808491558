"""Room in the model's receive FIFO."""

from __future__ import annotations

from emulator.model_nic.fifo import FIFO_WORDS, FifoRoom, words


def test_bytes_to_words() -> None:
    assert [words(length) for length in (0, 1, 8, 9, 1518)] == [0, 1, 1, 2, 190]


def test_frame_takes_room_and_gives_it_back_word_by_word() -> None:
    room = FifoRoom()
    room.store(10)
    assert room.free(0) == FIFO_WORDS - 10
    room.leave(1_000, 10)  # its words leave at 928, 936, ... 1,000
    assert [room.free(now) for now in (0, 927, 928, 935, 936, 999, 1_000, 2_000)] == [
        FIFO_WORDS - left for left in (10, 10, 9, 9, 8, 1, 0, 0)
    ]


def test_pieces_leave_one_after_the_other() -> None:
    room = FifoRoom()
    room.store(30)
    room.leave(1_000, 10)
    room.leave(2_000, 20)
    assert [room.free(now) for now in (1_000, 1_847, 1_848, 2_000)] == [FIFO_WORDS - left for left in (20, 20, 19, 0)]
