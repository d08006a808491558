"""IPv4 and what is above it (net/ipv4)."""
