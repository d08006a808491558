"""Features of an interface (include/linux/netdev_features.h)."""

NETIF_F_SG = 1 << 0  #: sends packets of several buffers
NETIF_F_HW_CSUM = 1 << 3  #: completes checksums of packets to send
NETIF_F_HW_VLAN_CTAG_TX = 1 << 7  #: inserts 802.1Q tags
NETIF_F_HW_VLAN_CTAG_RX = 1 << 8  #: takes 802.1Q tags out of received packets
NETIF_F_HW_VLAN_CTAG_FILTER = 1 << 9  #: receives tagged packets of those VLANs only that are wanted
NETIF_F_GRO = 1 << 14  #: generic receive offload
NETIF_F_TSO = 1 << 16  #: cuts TCP packets over IPv4 into segments
NETIF_F_RXCSUM = 1 << 40  #: verifies the checksums of received packets
