"""Ethernet's constants (include/uapi/linux/if_ether.h)."""

ETH_HLEN = 14  #: bytes of a header
