"""The hardware: the NIC, and the board around it."""
