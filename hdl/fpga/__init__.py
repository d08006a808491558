"""Whether the NIC fits into an FPGA, and how fast its clock may be: synthesis, placement and routing for an ECP5."""
