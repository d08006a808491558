"""ethtool -S: the device's and the driver's counters under Linux's names (e1000_ethtool.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driver.e1000.adapter import Adapter

#: Names of the statistics registers; a pair of registers is one counter.
_DEVICE_COUNTERS = {
    "rx_packets": "GPRC",
    "tx_packets": "GPTC",
    "rx_broadcast": "BPRC",
    "tx_broadcast": "BPTC",
    "rx_multicast": "MPRC",
    "tx_multicast": "MPTC",
    "rx_crc_errors": "CRCERRS",
    "rx_missed_errors": "MPC",
    "rx_no_buffer_count": "RNBC",
    "rx_length_errors": "RLEC",
    "rx_long_length_errors": "ROC",
    "rx_short_length_errors": "RUC",
    "rx_fragments": "RFC",
    "rx_jabber": "RJC",
    "rx_total_packets": "TPR",
}


def e1000_get_ethtool_stats(adapter: Adapter) -> dict[str, int]:
    """Counters as of the last update of the statistics."""
    hw_stats = adapter.hw_stats
    counters = {name: hw_stats[register] for name, register in _DEVICE_COUNTERS.items()}
    counters["rx_bytes"] = hw_stats["GORCL"] + (hw_stats["GORCH"] << 32)
    counters["tx_bytes"] = hw_stats["GOTCL"] + (hw_stats["GOTCH"] << 32)
    counters["tx_dropped"] = adapter.tx_dropped
    counters["tx_timeout_count"] = adapter.tx_timeout_count
    counters["tx_restart_queue"] = adapter.restart_queue
    counters["rx_irqs"] = adapter.rx_irqs
    counters["alloc_rx_buff_failed"] = adapter.alloc_rx_buff_failed
    counters["rx_dropped"] = adapter.rx_dropped
    return counters
