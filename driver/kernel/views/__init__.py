"""What Linux shows of its networking, in Linux's layout: /proc, ethtool, netlink. All of it is made of one snapshot."""
