"""The NIC of hdl/nic as a register-level model in Python: the same registers and rings, no clock, loosely timed.

Software sees no difference but in time: what takes the RTL a few clock cycles is a constant here (timing.py). The
model is written from the manual, not from the RTL, so that each can be the other's oracle.
"""
