"""A client that knows the proto files alone: asks a node for its health and its cycles over mutual TLS.

    pip install -r requirements.txt
    python read_cycles.py --config demo/FICC/node.toml --pki demo/pki

It also tries what must be refused: a role that may not read cycles, and a caller without a certificate. With --demo FILE,
the output of `crossmargin demo --json`, it checks that the node still holds the agreements that are told there.
"""

import json
import sys
import tempfile

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import node
from node import CALL_SECONDS, START_SECONDS, refused


def main():
    arguments, house, address = node.parse(__doc__)
    folder = tempfile.TemporaryDirectory()
    node.generate(folder.name)
    from crossmargin.v1 import cycle_pb2, operations_service_pb2, operations_service_pb2_grpc

    def cycles(channel):
        return operations_service_pb2_grpc.OperationsServiceStub(channel).ListCycles(
            operations_service_pb2.ListCyclesRequest(), timeout=CALL_SECONDS)

    with node.channel(arguments, house, address, "operator") as channel:
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

    with node.channel(arguments, house, address, "market-source") as channel:
        print("as market-source:", refused(lambda: cycles(channel), grpc.StatusCode.PERMISSION_DENIED))
    with node.channel(arguments, house, address, None) as channel:
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
