"""What ``cli.py --spec netdev.yaml --dump napi-get`` prints of netlink's answer (tools/net/ynl)."""

from __future__ import annotations

import pprint

from driver.kernel.views.snapshot import NapiInfo, Snapshot

#: Words of the attribute ``threaded`` (Documentation/netlink/specs/netdev.yaml).
_THREADED = ("disabled", "enabled", "busy-poll")


def napi_get(snapshot: Snapshot) -> str:
    """The NAPI instances of interfaces that are up; an attribute that is not known is not there."""
    return pprint.pformat([_attributes(napi) for napi in snapshot.napis]) + "\n"


def _attributes(napi: NapiInfo) -> dict[str, int | str]:
    attributes: dict[str, int | str | None] = {
        "ifindex": napi.ifindex,
        "id": napi.id,
        "irq": napi.irq,
        "pid": napi.pid,
        "defer-hard-irqs": napi.defer_hard_irqs,
        "gro-flush-timeout": napi.gro_flush_timeout,
        "irq-suspend-timeout": napi.irq_suspend_timeout,
        "threaded": _THREADED[napi.threaded],
    }
    return {name: value for name, value in attributes.items() if value is not None}
