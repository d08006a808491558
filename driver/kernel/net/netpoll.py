"""Netpoll: polls with a budget of 0, which only reclaim transmitted packets, from any context (net/core/netpoll.c)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.net.napi import NPSVC, Napi, poll_begins, poll_ends
from driver.kernel.net.netdevice import netif_running
from driver.kernel.printk import printk_once
from driver.kernel.softirq import local_bh_disable, local_bh_enable

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice


async def netpoll_poll_dev(dev: NetDevice) -> None:
    """Let an interface reclaim what it sent, as netconsole does when there is no room to send.

    Linux has interrupts off meanwhile; here softirqs, which would wait for ever for the poll below them.
    """
    if not netif_running(dev):
        return
    local_bh_disable()
    for napi in list(dev.napi_list):
        if not napi.in_poll:  # otherwise somebody is inside, perhaps below us on this CPU
            await _poll_one_napi(napi)
    await local_bh_enable()


async def _poll_one_napi(napi: Napi) -> None:
    if napi.state & NPSVC:  # it is disabled
        return
    napi.state |= NPSVC
    poll_begins(napi, 0)
    machine = this_cpu().machine
    await spend(machine.costs.napi_poll)
    work = await napi.poll(napi, 0)
    if work:
        printk_once(machine, logging.WARNING, "%s exceeded budget in poll", napi.poll)
    poll_ends(napi, work)
    napi.state &= ~NPSVC
