"""A deterministic model of the Linux kernel around a network driver; it does no I/O of its own (see machine.py)."""
