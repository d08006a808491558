"""The network side of the kernel model (include/linux, net/)."""
