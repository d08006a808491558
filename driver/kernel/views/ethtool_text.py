"""What the command ethtool prints: -S, -c and -g."""

from __future__ import annotations

from driver.kernel.views.snapshot import Interface

#: The lines of -c; a blank one follows each group.
_COALESCE_GROUPS = (
    ("stats-block-usecs", "sample-interval", "pkt-rate-low", "pkt-rate-high"),
    ("rx-usecs", "rx-frames", "rx-usecs-irq", "rx-frames-irq"),
    ("tx-usecs", "tx-frames", "tx-usecs-irq", "tx-frames-irq"),
    ("rx-usecs-low", "rx-frame-low", "tx-usecs-low", "tx-frame-low"),
    ("rx-usecs-high", "rx-frame-high", "tx-usecs-high", "tx-frame-high"),
    ("tx-aggr-max-bytes", "tx-aggr-max-frames", "tx-aggr-time-usecs"),
)


def ethtool_statistics(interface: Interface) -> str:
    """Ethtool -S."""
    rows = [f"     {name}: {value}" for name, value in interface.statistics.items()]
    return "\n".join(["NIC statistics:", *rows]) + "\n"


def ethtool_coalesce(interface: Interface) -> str:
    """Ethtool -c: what the driver does not have is n/a."""
    coalesce = interface.coalesce
    values = {
        "rx-usecs": coalesce.rx_coalesce_usecs,
        "rx-frames": coalesce.rx_max_coalesced_frames,
        "tx-usecs": coalesce.tx_coalesce_usecs,
        "tx-frames": coalesce.tx_max_coalesced_frames,
    }
    adaptive = f"Adaptive RX: {_on_off(coalesce.use_adaptive_rx_coalesce)}  "
    text = f"Coalesce parameters for {interface.name}:\n"
    text += f"{adaptive}TX: {_on_off(coalesce.use_adaptive_tx_coalesce)}\n"
    for group in _COALESCE_GROUPS:
        for name in group:
            tabs = "\t\t" if name.startswith("pkt-rate") else "\t"
            text += f"{name}:{tabs}{_number(values.get(name))}\n"
        text += "\n"
        if group is _COALESCE_GROUPS[-2]:
            text += "CQE mode RX: n/a  TX: n/a\n\n"
    return text


def ethtool_ring(interface: Interface) -> str:
    """Ethtool -g."""
    ring = interface.ringparam
    text = f"Ring parameters for {interface.name}:\n"
    text += f"Pre-set maximums:\n{_rings(ring.rx_max_pending, ring.tx_max_pending)}TX push buff len:\tn/a\n"
    text += f"Current hardware settings:\n{_rings(ring.rx_pending, ring.tx_pending)}"
    text += "RX Buf Len:\t\tn/a\nCQE Size:\t\tn/a\nTX Push:\t\toff\nRX Push:\t\toff\n"
    return text + "TX push buff len:\tn/a\nTCP data split:\t\tn/a\n"


def _rings(rx: int, tx: int) -> str:
    return f"RX:\t\t\t{rx}\nRX Mini:\t\tn/a\nRX Jumbo:\t\tn/a\nTX:\t\t\t{tx}\n"


def _number(value: int | None) -> str:
    return "n/a" if value is None else str(value)


def _on_off(value: bool | None) -> str:
    return "n/a" if value is None else "on" if value else "off"
