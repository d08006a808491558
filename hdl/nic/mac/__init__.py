"""The GMII side of the NIC (IEEE 802.3, clauses 3, 4, 31 and 35): one concern per file, mac.py connects them."""
