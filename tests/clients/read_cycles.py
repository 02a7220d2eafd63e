"""A client that knows the proto files alone: asks a node for its health and its cycles over mutual TLS.

    pip install -r requirements.txt
    python read_cycles.py --config demo/FICC/node.toml --pki demo/pki

It also tries what must be refused: a role that may not read cycles, and a caller without a certificate. With --demo FILE,
the output of `crossmargin demo --json`, it checks that the node still holds the agreements that are told there.
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile

# The library's own log would tell of the refusals that are asked for here.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
# A node that has just been started replays its ledger first.
START_SECONDS = 30
CALL_SECONDS = 10


def generate(folder):
    """Makes Python modules of the contract."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(arguments + files) != 0:
        sys.exit("the proto files do not compile")
    sys.path.insert(0, folder)


def value(configuration, key):
    """A value of the first table of a node's configuration."""
    return re.search(rf'^{key} = "([^"]+)"', configuration, re.M).group(1)


def credentials(house, role):
    """Credentials as `crossmargin certs` lays them out; without a role those of a caller who has no certificate."""
    authority = (house / "ca.pem").read_bytes()
    if role is None:
        return grpc.ssl_channel_credentials(authority)
    client = house / "clients" / role
    key, chain = client.with_suffix(".key").read_bytes(), client.with_suffix(".pem").read_bytes()
    return grpc.ssl_channel_credentials(authority, key, chain)


def refused(call, *codes):
    """Makes a call that must fail in one of these ways."""
    try:
        call()
    except grpc.RpcError as error:
        if error.code() in codes:
            return error.details()
        raise
    sys.exit("a call was answered that must be refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, type=pathlib.Path, help="the node's configuration")
    parser.add_argument("--pki", required=True, type=pathlib.Path, help="a folder made by `crossmargin certs`")
    parser.add_argument("--demo", type=pathlib.Path, help="what `crossmargin demo --json` printed")
    arguments = parser.parse_args()

    configuration = arguments.config.read_text(encoding="utf-8")
    house, address = value(configuration, "house"), value(configuration, "listen")
    folder = tempfile.TemporaryDirectory()
    generate(folder.name)
    from crossmargin.v1 import cycle_pb2, operations_service_pb2, operations_service_pb2_grpc

    def cycles(channel):
        return operations_service_pb2_grpc.OperationsServiceStub(channel).ListCycles(
            operations_service_pb2.ListCyclesRequest(), timeout=CALL_SECONDS)

    with grpc.secure_channel(address, credentials(arguments.pki / house, "operator")) as channel:
        grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
        print(f"{house} at {address}: {health_pb2.HealthCheckResponse.ServingStatus.Name(health.status)}")
        if health.status != health_pb2.HealthCheckResponse.SERVING:
            sys.exit("the node does not serve")
        listed = cycles(channel).cycles
    for cycle in listed:
        phase = cycle_pb2.CyclePhase.Name(cycle.phase).removeprefix("CYCLE_PHASE_")
        kind = cycle_pb2.CycleKind.Name(cycle.id.kind).removeprefix("CYCLE_KIND_")
        print(f"{cycle.id.business_date} {kind} run {cycle.id.run}: {phase} {cycle.agreement_digest}")

    with grpc.secure_channel(address, credentials(arguments.pki / house, "market-source")) as channel:
        print("as market-source:", refused(lambda: cycles(channel), grpc.StatusCode.PERMISSION_DENIED))
    with grpc.secure_channel(address, credentials(arguments.pki / house, None)) as channel:
        refused(lambda: cycles(channel), grpc.StatusCode.UNAVAILABLE)
        print("without a certificate: no connection")

    if arguments.demo:
        # The newest round of a cycle is in force, and the demo tells the rounds in their order.
        told = {(cycle["business_date"], cycle["kind"], cycle["run"]): entry["agreement_digest"]
                for cycle in json.loads(arguments.demo.read_text(encoding="utf-8"))["cycles"]
                for entry in cycle["houses"] if entry["house"] == house}
        held = {(cycle.id.business_date, cycle_pb2.CycleKind.Name(cycle.id.kind).removeprefix("CYCLE_KIND_"), cycle.id.run):
                cycle.agreement_digest for cycle in listed}
        if not told or told != held:
            sys.exit(f"the demo told of {told}, the node holds {held}")
        print(f"the node holds what the demo told of {len(told)} cycles")


main()
