"""The driver for the 8254x family, on the kernel model; laid out as drivers/net/ethernet/intel/e1000."""
