"""Addresses, routes and neighbours (net/ipv4/devinet.c, fib_frontend.c)."""

from __future__ import annotations

import errno

import pytest

from driver.kernel.net.ipv4.devinet import inet_add_addr, ip_route_add, neigh_add
from driver.kernel.net.ipv4.ip_output import ip_route_output
from driver.kernel.net.netdevice import NetDevice, register_netdev
from tests.kernel.net.frames import PEER
from tests.kernel.net.host import Host


def second_interface(host: Host) -> NetDevice:
    dev = NetDevice(host.machine, "", host, None)
    register_netdev(dev)
    inet_add_addr(dev, "10.1.0.1/16")
    return dev


def output(host: Host, address: str) -> str:
    """The interface by which packets to an address leave."""
    net = host.machine.init_net
    return ip_route_output(net, bytes(map(int, address.split(".")))).dev.name


def test_the_most_specific_route_wins() -> None:
    host = Host()
    second = second_interface(host)
    assert (output(host, "10.0.0.9"), output(host, "10.1.200.9")) == ("eth0", "eth1")
    ip_route_add(second, "10.0.0.128/25")
    assert (output(host, "10.0.0.9"), output(host, "10.0.0.200")) == ("eth0", "eth1")
    ip_route_add(second, "0.0.0.0/0")
    assert output(host, "192.168.1.1") == "eth1"


def test_without_a_route_there_is_no_way() -> None:
    host = Host()
    with pytest.raises(OSError, match="Network is unreachable") as caught:
        output(host, "192.168.1.1")
    assert caught.value.errno == errno.ENETUNREACH
    assert host.mib.ip.OutNoRoutes == 1


def test_a_second_address_replaces_the_first() -> None:
    host = Host()
    inet_add_addr(host.dev, "10.9.0.1/16")
    assert output(host, "10.9.8.7") == "eth0"
    assert len(host.machine.init_net.in_devices) == 1


def test_routes_and_neighbours_need_an_address() -> None:
    host = Host()
    dev = NetDevice(host.machine, "eth9", host, None)
    with pytest.raises(ValueError, match="eth9 has no IPv4 address: add one first"):
        neigh_add(dev, "10.0.0.2", PEER)
    with pytest.raises(ValueError, match="eth9 has no IPv4 address"):
        ip_route_add(dev, "10.0.0.0/8")
    with pytest.raises(ValueError, match="300"):
        inet_add_addr(dev, "10.0.0.300/8")
