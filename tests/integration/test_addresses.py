import socket
import subprocess
import sys

import pytest

from emrlite.errors import NodeError
from emrlite.node import addresses
from emrlite.node.addresses import CLAIM_PORT, Network

CLUSTER = "j-1ABCDEFGHIJKL"

pytestmark = pytest.mark.skipif(not addresses.has_many(), reason="this machine has 127.0.0.1 only")


def listen(at):
    taken = socket.socket()
    taken.bind(at)
    taken.listen(1)
    return taken


@pytest.mark.parametrize("mode", ["auto", "many", "single"])
def test_two_claims_differ_even_for_one_name(mode):
    first, held = addresses.claim(CLUSTER, mode)
    second, held_too = addresses.claim(CLUSTER, mode)
    with held, held_too:
        assert first != second
        assert held.getsockname() == first.claim_at
        ports = [{(at.address(index), at.port(name, index)) for name in addresses.PORTS for index in (1, 2, at.largest)}
                 for at in (first, second)]
        assert not ports[0] & ports[1]


def test_single_mode_stays_on_one_address_below_the_ephemeral_ports():
    network, held = addresses.claim(CLUSTER, "single")
    with held:
        assert {network.address(index) for index in (1, 2, 49)} == {"127.0.0.1"}
        assert 10000 < network.base < network.port("spark-worker-ui", network.largest) < 32768


def test_many_addresses_keep_emrs_ports():
    network, held = addresses.claim(CLUSTER, "many")
    with held:
        assert (network.address(1), network.address(3)) == (f"{network.prefix}.1", f"{network.prefix}.3")
        assert (network.port("namenode", 1), network.port("spark-master", 1)) == (8020, 7077)
        assert not network.prefix.startswith("127.0.")


@pytest.mark.parametrize("mode", ["many", "single"])
def test_a_claim_is_held_let_go_and_taken_again(mode):
    network, held = addresses.claim(CLUSTER, mode)
    with held, pytest.raises(OSError, match="in use"):
        addresses.hold(network)
    with addresses.hold(network):
        pass
    again, held = addresses.claim(CLUSTER, mode)
    with held:
        assert again == network, "the same cluster looks in the same place first"


@pytest.mark.parametrize("mode", ["many", "single"])
@pytest.mark.parametrize("service", ["namenode", "spark-master-ui"])
def test_a_network_whose_daemons_still_run_is_passed_over(mode, service):
    """Their emulator was killed, and with it the claim."""
    network, held = addresses.claim(CLUSTER, mode)
    held.close()
    with listen((network.address(1), network.port(service, 1))):
        other, held = addresses.claim(CLUSTER, mode)
        held.close()
        assert other != network


def test_a_claim_of_another_process_counts():
    network, held = addresses.claim(CLUSTER, "many")
    held.close()
    code = f"import socket,sys; s=socket.socket(); s.bind(('{network.address(1)}', {CLAIM_PORT})); s.listen(1)"
    words = [sys.executable, "-c", f"{code}; print('on', flush=True); sys.stdin.read()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"on\n"
        found, held = addresses.claim(CLUSTER, "many")
        held.close()
        other.stdin.close()
        other.wait(timeout=10)
    assert found != network


def test_no_free_network_is_said(monkeypatch):
    monkeypatch.setattr(addresses, "_free", lambda at: False)
    for mode in ("many", "single"):
        with pytest.raises(NodeError, match="no free loopback network is left; end some clusters"):
            addresses.claim(CLUSTER, mode)


def test_a_machine_with_one_address_is_seen(monkeypatch):
    monkeypatch.setattr(addresses, "has_many", lambda: False)
    network, held = addresses.claim(CLUSTER, "auto")
    held.close()
    assert network.prefix is None
    assert Network.parse(str(network)) == network
