#!/usr/bin/env python3
"""Records http-udp-ping.pcapng: real programs talking between two network namespaces over a veth pair.

The client pings the server, asks a UDP echo server and fetches files over HTTP; everything is bounded in count and in
time, and nothing leaves the two namespaces, which go away at the end. Segmentation, receive and checksum offloads are
off, so the frames are what a NIC would put on the wire, with one difference: a veth pair carries frames before the MAC
pads them. So frames under 60 bytes are padded with zeros to the 60 that a MAC sends (IEEE 802.3 clause 4.2.3.3).

Needs root (network namespaces), iproute2, ethtool, tcpdump, ping and curl, and scapy from the project's environment:

    sudo .venv/bin/python captures/record.py [OUTPUT]
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from scapy.data import DLT_EN10MB
from scapy.utils import RawPcapNgWriter, RawPcapReader

TOOLS = ("ip", "ethtool", "tcpdump", "ping", "curl")
MIN_FRAME = 60  # bytes without FCS
MTU = 1500
CLIENT, SERVER = "client", "server"
CLIENT_IP, SERVER_IP = "192.0.2.1", "192.0.2.2"  # TEST-NET-1, RFC 5737
MACS = {CLIENT: "02:00:00:00:00:01", SERVER: "02:00:00:00:00:02"}  # locally administered
HTTP_PORT, UDP_PORT = 8080, 7  # 7 is the echo service, RFC 862
PING_SIZES = (0, 1, 17, 18, 19, 56, 100, 255, 512, 1000, 1471, 1472)  # ICMP payload; 18 fills 60 bytes, 1472 1514
FILE_SIZES = {"index.html": 400, "style.css": 3_000, "photo.jpg": 40_000, "archive.tar": 120_000}
OFFLOADS = ("rx", "tx", "sg", "tso", "gso", "gro")
TIMEOUT = 20  # seconds for any one program

UDP_ECHO_SERVER = f"""
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("{SERVER_IP}", {UDP_PORT}))
print("ready", flush=True)
while True:
    data, peer = server.recvfrom(2048)
    server.sendto(data, peer)
"""

UDP_ECHO_CLIENT = f"""
import random, socket
rng = random.Random(7)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
client.connect(("{SERVER_IP}", {UDP_PORT}))
for number in range(100):
    size = rng.choice((0, 1, 12, 18, 19, 40, 64, 200, 512, 1200, 1472))
    request = rng.randbytes(size)
    client.send(request)
    assert client.recv(2048) == request
"""


class RecordError(Exception):
    """The recording cannot be made; the text says why."""


def run(*command: str, timeout: float = TIMEOUT) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        RecordError: it failed, or took too long.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise RecordError(f"{' '.join(command)} did not end within {timeout} s") from None
    if done.returncode:
        raise RecordError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def background(*command: str, ready: str, stop: int = signal.SIGTERM) -> Iterator[None]:
    """Run a program beside the block; enter the block when the program printed the text, stop it at the end.

    Raises:
        RecordError: it ended before it was ready.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if ready in line:
                break
        else:
            raise RecordError(f"{' '.join(command)} did not start: {printed.strip()}")
        yield
    finally:
        process.send_signal(stop)
        process.communicate(timeout=TIMEOUT)


@contextlib.contextmanager
def two_hosts() -> Iterator[dict[str, str]]:
    """Two namespaces joined by a veth pair that behaves like two plain NICs; yields their names by role."""
    names = {role: f"napi-hil-{role}-{os.getpid()}" for role in (CLIENT, SERVER)}
    with contextlib.ExitStack() as cleanup:
        for name in names.values():
            run("ip", "netns", "add", name)
            cleanup.callback(run, "ip", "netns", "delete", name)
        for name in names.values():  # only ARP and IPv4: no IPv6 neighbour discovery of a random moment
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        run("ip", "-n", names[CLIENT], "link", "add", CLIENT, "address", MACS[CLIENT], "type", "veth",
            "peer", "name", SERVER, "address", MACS[SERVER], "netns", names[SERVER])  # fmt: skip
        for role, address in ((CLIENT, CLIENT_IP), (SERVER, SERVER_IP)):
            off = [word for offload in OFFLOADS for word in (offload, "off")]
            run("ip", "netns", "exec", names[role], "ethtool", "-K", role, *off)
            run("ip", "-n", names[role], "address", "add", f"{address}/24", "dev", role)
            run("ip", "-n", names[role], "link", "set", role, "mtu", str(MTU), "up")
        yield names


def make_site(folder: Path) -> None:
    """Fill a folder with files for the HTTP server, of the same content each time."""
    rng = random.Random(80)
    for name, size in FILE_SIZES.items():
        (folder / name).write_bytes(rng.randbytes(size))


def talk(hosts: dict[str, str]) -> None:
    """Let the client's programs talk to the server's."""
    client = ("ip", "netns", "exec", hosts[CLIENT])
    run("ip", "-n", hosts[CLIENT], "neighbour", "flush", "dev", CLIENT)  # ARP begins the conversation
    for size in PING_SIZES:
        run(*client, "ping", "-q", "-c", "4", "-i", "0.002", "-W", "2", "-s", str(size), SERVER_IP)
    run(*client, sys.executable, "-c", UDP_ECHO_CLIENT)
    for name in FILE_SIZES:  # one connection for each file
        run(*client, "curl", "-sS", "-o", os.devnull, "--max-time", "10", f"http://{SERVER_IP}:{HTTP_PORT}/{name}")
    run("ip", "-n", hosts[CLIENT], "neighbour", "flush", "dev", CLIENT)
    run(*client, sys.executable, "-c", UDP_ECHO_CLIENT)


def frames_passed(namespace: str, device: str) -> int:
    """Frames that a device sent and received since it exists."""
    stats = json.loads(run("ip", "-n", namespace, "-s", "-j", "link", "show", device))[0]["stats64"]
    return int(stats["rx"]["packets"]) + int(stats["tx"]["packets"])


def wait_until_complete(raw: Path, hosts: dict[str, str]) -> None:
    """Wait until tcpdump has written every frame that the server's device counted.

    Raises:
        RecordError: frames are missing.
    """
    for _ in range(50):
        time.sleep(0.1)
        passed = frames_passed(hosts[SERVER], SERVER)
        with RawPcapReader(str(raw)) as reader:
            written = sum(1 for _ in reader)
        if passed == written:
            return
    raise RecordError(f"tcpdump wrote {written} frames of the {passed} that the device counted")


def record(raw: Path, site: Path) -> None:
    """Record the conversation as seen at the server's device into a pcap file."""
    make_site(site)
    with two_hosts() as hosts, contextlib.ExitStack() as programs:
        server = ("ip", "netns", "exec", hosts[SERVER])
        programs.enter_context(background(
            *server, "tcpdump", "-i", SERVER, "-U", "--immediate-mode", "-s", "0", "-c", "5000", "-Z", "root",
            "-w", str(raw), ready="listening on", stop=signal.SIGINT,
        ))  # fmt: skip
        programs.enter_context(background(
            *server, sys.executable, "-u", "-m", "http.server", str(HTTP_PORT), "--bind", SERVER_IP,
            "--directory", str(site), ready="Serving HTTP",
        ))  # fmt: skip
        programs.enter_context(background(*server, sys.executable, "-c", UDP_ECHO_SERVER, ready="ready"))
        talk(hosts)
        wait_until_complete(raw, hosts)


def pad(raw: Path, output: Path) -> int:
    """Copy a pcap file to pcapng, with frames padded as a MAC pads them; returns the number of frames."""
    count = 0
    with RawPcapReader(str(raw)) as reader, RawPcapNgWriter(str(output)) as writer:
        writer.linktype = DLT_EN10MB
        writer.write_header(None)
        for frame, meta in reader:
            # a float of seconds has no whole microseconds any more, a fraction has
            writer.write_packet(frame.ljust(MIN_FRAME, b"\0"), sec=meta.sec + Fraction(meta.usec, 1_000_000))
            count += 1
    return count


def main() -> int:
    """Record, pad, say what came out; exit status 2 if it could not be done."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("http-udp-ping.pcapng")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"record.py: not installed: {', '.join(missing)}", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("record.py: network namespaces need root: sudo .venv/bin/python captures/record.py", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="napi-hil-") as folder:
        raw, site = Path(folder, "raw.pcap"), Path(folder, "site")
        site.mkdir()
        try:
            record(raw, site)
        except RecordError as error:
            print(f"record.py: {error}", file=sys.stderr)
            return 2
        count = pad(raw, output)
    print(f"{output}: {count} frames, {output.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
