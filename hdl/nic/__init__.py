"""The NIC: the device under test, in Amaranth, synthesizable."""
