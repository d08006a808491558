"""What the driver does for ethtool: counters under Linux's names, ring lengths, coalescing (e1000_ethtool.c)."""

from __future__ import annotations

import dataclasses
from typing import cast

from driver.e1000.adapter import Adapter
from driver.e1000.moderation import MAX_ITR_USECS, e1000_set_rx_usecs, e1000_start_dim
from driver.kernel.net.ethtool import EINVAL, EOPNOTSUPP, EthtoolCoalesce, EthtoolRingparam
from driver.kernel.net.netdevice import NetDevice

#: Descriptors that a ring may have, as with the 82544 and later.
MAX_RXD = MAX_TXD = 4096

_SUPPORTED = {"rx_coalesce_usecs", "use_adaptive_rx_coalesce"}


def e1000_get_ethtool_stats(adapter: Adapter) -> dict[str, int]:
    """Counters as of the last update of the statistics, in the order of the original driver."""
    hw_stats = adapter.hw_stats
    return {
        "rx_packets": hw_stats["GPRC"],
        "tx_packets": hw_stats["GPTC"],
        "rx_bytes": hw_stats["GORCL"] + (hw_stats["GORCH"] << 32),
        "tx_bytes": hw_stats["GOTCL"] + (hw_stats["GOTCH"] << 32),
        "rx_broadcast": hw_stats["BPRC"],
        "tx_broadcast": hw_stats["BPTC"],
        "rx_multicast": hw_stats["MPRC"],
        "tx_multicast": hw_stats["MPTC"],
        "rx_errors": sum(hw_stats[name] for name in ("RXERRC", "CRCERRS", "ALGNERRC", "RUC", "ROC", "CEXTERR")),
        "tx_errors": hw_stats["ECOL"] + hw_stats["LATECOL"],
        "tx_dropped": adapter.tx_dropped,
        "multicast": hw_stats["MPRC"],
        "collisions": hw_stats["COLC"],
        "rx_length_errors": hw_stats["RLEC"],
        "rx_over_errors": 0,
        "rx_crc_errors": hw_stats["CRCERRS"],
        "rx_frame_errors": hw_stats["ALGNERRC"],
        "rx_no_buffer_count": hw_stats["RNBC"],
        "rx_missed_errors": hw_stats["MPC"],
        "tx_aborted_errors": hw_stats["ECOL"],
        "tx_carrier_errors": hw_stats["TNCRS"],
        "tx_fifo_errors": 0,
        "tx_heartbeat_errors": 0,
        "tx_window_errors": hw_stats["LATECOL"],
        "tx_abort_late_coll": hw_stats["LATECOL"],
        "tx_deferred_ok": hw_stats["DC"],
        "tx_single_coll_ok": hw_stats["SCC"],
        "tx_multi_coll_ok": hw_stats["MCC"],
        "tx_timeout_count": adapter.tx_timeout_count,
        "tx_restart_queue": adapter.restart_queue,
        "rx_long_length_errors": hw_stats["ROC"],
        "rx_short_length_errors": hw_stats["RUC"],
        "rx_align_errors": hw_stats["ALGNERRC"],
        "tx_tcp_seg_good": hw_stats["TSCTC"],
        "tx_tcp_seg_failed": hw_stats["TSCTFC"],
        "rx_flow_control_xon": hw_stats["XONRXC"],
        "rx_flow_control_xoff": hw_stats["XOFFRXC"],
        "tx_flow_control_xon": hw_stats["XONTXC"],
        "tx_flow_control_xoff": hw_stats["XOFFTXC"],
        "rx_long_byte_count": hw_stats["GORCL"] + (hw_stats["GORCH"] << 32),
        "alloc_rx_buff_failed": adapter.alloc_rx_buff_failed,
        "tx_smbus": hw_stats["MGTPTC"],
        "rx_smbus": hw_stats["MGTPRC"],
        "dropped_smbus": hw_stats["MGTPDC"],
        # What follows the original driver does not have.
        "rx_fragments": hw_stats["RFC"],
        "rx_jabber": hw_stats["RJC"],
        "rx_total_packets": hw_stats["TPR"],
        "rx_dropped": adapter.rx_dropped,
        "rx_irqs": adapter.rx_irqs,
        **_queue_stats(adapter),
    }


def _queue_stats(adapter: Adapter) -> dict[str, int]:
    """Counters of each of several queues, under igb's names."""
    stats = {}
    for q_vector in adapter.q_vectors:
        prefix = f"tx_queue_{q_vector.number}"
        stats[f"{prefix}_packets"] = q_vector.tx_ring.packets
        stats[f"{prefix}_bytes"] = q_vector.tx_ring.bytes
    for q_vector, drops in zip(adapter.q_vectors, adapter.rx_queue_drops, strict=True):
        prefix = f"rx_queue_{q_vector.number}"
        stats[f"{prefix}_packets"] = q_vector.rx_ring.packets
        stats[f"{prefix}_bytes"] = q_vector.rx_ring.bytes
        stats[f"{prefix}_drops"] = drops
    return stats


class E1000EthtoolOps:
    """e1000_ethtool_ops."""

    def get_ethtool_stats(self, dev: NetDevice) -> dict[str, int]:
        """Ethtool -S."""
        return e1000_get_ethtool_stats(_adapter(dev))

    def get_coalesce(self, dev: NetDevice) -> EthtoolCoalesce:
        """Ethtool -c: rx-usecs is what is in effect, by hand or by DIM."""
        adapter = _adapter(dev)
        return EthtoolCoalesce(rx_coalesce_usecs=adapter.rx_usecs, use_adaptive_rx_coalesce=adapter.dim is not None)

    async def set_coalesce(self, dev: NetDevice, coalesce: EthtoolCoalesce) -> int:
        """Ethtool -C. DIM needs NAPI, and one queue; while it is on, it overrides rx-usecs."""
        adapter = _adapter(dev)
        given = {name for name, value in dataclasses.asdict(coalesce).items() if value is not None}
        adaptive, usecs = coalesce.use_adaptive_rx_coalesce, coalesce.rx_coalesce_usecs
        if given - _SUPPORTED or (adaptive and (not adapter.use_napi or adapter.q_vectors)):
            return -EOPNOTSUPP
        if usecs is not None and not 0 <= usecs <= MAX_ITR_USECS:
            return -EINVAL
        if adaptive is False:
            adapter.dim = None
        if usecs is not None:
            await e1000_set_rx_usecs(adapter, usecs)
        if adaptive and adapter.dim is None:
            await e1000_start_dim(adapter)
        return 0

    def get_ringparam(self, dev: NetDevice) -> EthtoolRingparam:
        """Ethtool -g."""
        adapter = _adapter(dev)
        return EthtoolRingparam(
            rx_max_pending=MAX_RXD,
            tx_max_pending=MAX_TXD,
            rx_pending=adapter.rx_ring.count,
            tx_pending=adapter.tx_ring.count,
        )


def _adapter(dev: NetDevice) -> Adapter:
    return cast(Adapter, dev.priv)
