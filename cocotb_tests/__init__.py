"""cocotb tests: of the NIC block by block, of the board, and of the whole."""
