"""The board around the NIC, in Verilog: board.v is the top."""
