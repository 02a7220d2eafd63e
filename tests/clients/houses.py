"""Both houses' nodes, each call with the certificate of the role that it needs, and what is expected of their answers."""

import sys
import tempfile
import time

import grpc

import node
from node import CALL_SECONDS

folder = tempfile.TemporaryDirectory()
node.generate(folder.name)

from google.rpc import error_details_pb2
from grpc_status import rpc_status
from crossmargin.v1 import (
    margin_service_pb2_grpc, operations_service_pb2_grpc, position_keeping_service_pb2_grpc,
    programme_service_pb2 as programme, programme_service_pb2_grpc, registry_pb2 as registry)

# Longer than anything takes between two nodes of one machine.
PATIENCE_SECONDS = 60


def check(holds, otherwise):
    if not holds:
        sys.exit(otherwise)


def stage_name(link):
    return registry.LinkStage.Name(link.stage).removeprefix("LINK_STAGE_")


class House:
    """One house's node, each call with the certificate of the role that it needs."""

    def __init__(self, config, pki):
        self.name, self.address = node.place(config)
        self.pki, self.channels, self.recorded = pki, {}, 0

    def channel(self, role):
        if role not in self.channels:
            self.channels[role] = grpc.secure_channel(self.address, node.credentials(self.pki / self.name, role))
        return self.channels[role]

    def programme(self, role="administrator"):
        return programme_service_pb2_grpc.ProgrammeServiceStub(self.channel(role))

    def operations(self, role="operator"):
        return operations_service_pb2_grpc.OperationsServiceStub(self.channel(role))

    def margin(self, role="margin-reader"):
        return margin_service_pb2_grpc.MarginServiceStub(self.channel(role))

    def positions(self):
        return position_keeping_service_pb2_grpc.PositionKeepingServiceStub(self.channel("position-source"))

    def record(self, request_id, *changes):
        """Records changes; asking again must answer the same."""
        request = programme.RecordChangesRequest(request_id=request_id, changes=changes)
        first = self.programme().RecordChanges(request, timeout=CALL_SECONDS)
        again = self.programme().RecordChanges(request, timeout=CALL_SECONDS)
        check(not first.is_replay and again.is_replay and first.sequence == again.sequence > self.recorded,
              f"{self.name}: recorded as {first}, asked again as {again}")
        self.recorded = first.sequence

    def link(self, link_id, role="administrator"):
        request = programme.GetLinkRequest(link_id=link_id)
        return self.programme(role).GetLink(request, timeout=CALL_SECONDS)

    def approvals(self):
        return self.programme().ListApprovals(programme.ListApprovalsRequest(), timeout=CALL_SECONDS).approvals


def wait(what, houses, look):
    """Looks at each house until it gives something, and gives what it gave at each."""
    found = []
    until = time.monotonic() + PATIENCE_SECONDS
    for house in houses:
        while not (seen := look(house)):
            check(time.monotonic() < until, f"{house.name} did not see {what} in {PATIENCE_SECONDS} s")
            time.sleep(0.05)
        found.append(seen)
    return found


def wait_stage(houses, link_id, stage, missing=None):
    """Waits until the houses see the link at a stage, and for a text in what is missing; nothing may be missing if live."""
    def look(house):
        try:
            link = house.link(link_id).link
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            raise
        told = missing is None or any(missing in text for text in link.missing)
        return link if stage_name(link) == stage and told else None
    links = wait(f"{link_id} {stage}" + (f" with {missing!r}" if missing else ""), houses, look)
    for house, link in zip(houses, links):
        check(stage != "LIVE" or not link.missing, f"{house.name}: {link_id} is live, yet misses {list(link.missing)}")
    return links


def problems(call):
    """Makes a call that must be refused as invalid: every problem as field and description."""
    try:
        call()
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.INVALID_ARGUMENT, f"refused as {error.code()}: {error.details()}")
        bad_request = error_details_pb2.BadRequest()
        for detail in rpc_status.from_call(error).details:
            if detail.Unpack(bad_request):
                return [(violation.field, violation.description) for violation in bad_request.field_violations]
        sys.exit(f"refused without google.rpc.BadRequest: {error.details()}")
    sys.exit("a change was recorded that must be refused")


def refused(call, code, what):
    try:
        call()
    except grpc.RpcError as error:
        check(error.code() == code, f"{what}: {error.code()} {error.details()}, not {code}")
        return
    sys.exit(f"{what}: answered, not {code}")
