"""A client that knows the proto files alone: brings a new customer of a new member to go-live at two running nodes.

    pip install -r requirements.txt
    python onboard_customer.py --treasury demo/FICC/node.toml --futures demo/CME/node.toml --pki demo/pki

Each house's administrator records member, customer, link, documents, approvals and consents; the requirement is read while
the link is live; then it is suspended and lifted. A line a step; the first thing that is not as it must be ends it.

It can be repeated on the same ledgers: every id ends in --suffix, by default the time. The walk begins without approvals:
those that count, of an earlier run or of the demo, are withdrawn first, and its own at the end. The customer's accounts get the positions of a linked pair that is charged reduced, so the factors must be its
factors. With --owners the link is read by the member and by the customer too, with certificates
`clients/member-firm-<suffix>` and `clients/customer-C-<suffix>` of the PKI.
"""

import argparse
import hashlib
import pathlib
import sys
import time
from decimal import Decimal

import grpc

from houses import PATIENCE_SECONDS, House, check, problems, refused, wait, wait_stage
from node import CALL_SECONDS, START_SECONDS
from crossmargin.v1 import (
    cycle_pb2, margin_service_pb2 as margin, operations_service_pb2 as operations,
    position_keeping_service_pb2 as keeping, programme_service_pb2 as programme, registry_pb2 as registry)

CUT_OFF_SECONDS = 300
SINCE = registry.DateRange(**{"from": "2020-01-02"})
EFFECTIVE = "2026-01-15"
APPROVAL = "onboarding"
APPROVALS = ["SEC_ORDER", "CFTC_ORDER", "TREASURY_HOUSE_RULE", "FUTURES_HOUSE_RULE"]
DOCUMENTS = ["CUSTOMER_AGREEMENT", "SUBORDINATION_AGREEMENT", "DISCLOSURE_ACKNOWLEDGEMENT"]


def stage(link_id, to):
    change = registry.StageChange(link_ids=[link_id], to=registry.LinkStage.Value(f"LINK_STAGE_{to}"))
    return registry.ProgrammeChange(reason=f"onboarding comes to {to}", stage=change)


def document(link_id, kind):
    digest = hashlib.sha256(f"{link_id} {kind}".encode()).digest()
    record = registry.DocumentRecord(
        link_ids=[link_id], kind=registry.DocumentKind.Value(f"DOCUMENT_KIND_{kind}"), digest=digest, dated=EFFECTIVE)
    return registry.ProgrammeChange(document=record)


def approval(suffix, kind):
    record = registry.ApprovalRecord(
        approval_id=f"{APPROVAL}-{APPROVALS.index(kind)}-{suffix}", kind=registry.ApprovalKind.Value(f"APPROVAL_KIND_{kind}"),
        reference="made up for a client's walk", scope=[registry.LINK_KIND_CUSTOMER], effective_from=EFFECTIVE)
    return registry.ProgrammeChange(approval=record)


def withdraw(houses, request_id):
    """Withdraws every approval that counts, and waits until none does."""
    def standing(house):
        return [one for one in house.approvals() if one.is_effective]
    for house in houses:
        changes = [registry.ProgrammeChange(
            reason="a walk begins or ends without approvals",
            approval_withdrawal=registry.ApprovalWithdrawal(approval_id=one.record.approval_id, **{"from": EFFECTIVE}))
            for one in standing(house)]
        if changes:
            house.record(request_id, *changes)
        wait("the approvals withdrawn", houses, lambda house: not standing(house))


def pair_to_copy(house):
    """The newest agreed cycle, and of it a linked pair that is charged reduced."""
    agreements = house.margin().ListAgreements(margin.ListAgreementsRequest(page_size=1), timeout=CALL_SECONDS).agreements
    check(agreements, f"{house.name} holds no agreement: run a cycle first")
    cycle = agreements[0].cycle
    rows = house.margin().ListRequirements(margin.ListRequirementsRequest(cycle=cycle), timeout=CALL_SECONDS).requirements
    for row in rows:
        if row.status == margin.REQUIREMENT_STATUS_AGREED and row.applied_factor_bp > 0:
            return cycle, row.link
    sys.exit(f"no pair of {cycle} is charged reduced")


def submit(house, request_id, business_date, like, account):
    """Amends the book by an account that holds what another one holds."""
    service = house.positions()
    columns = service.GetPositions(keeping.GetPositionsRequest(account=like), timeout=CALL_SECONDS).positions
    check(columns.quantities, f"{house.name}: {like} holds nothing")
    del columns.accounts[:]
    columns.accounts.append(account)
    status = house.operations("position-source").GetNodeStatus(operations.GetNodeStatusRequest(), timeout=CALL_SECONDS)
    header = keeping.SnapshotHeader(
        request_id=request_id, business_date=business_date, book_version=status.book_version + 1,
        scope=keeping.SNAPSHOT_SCOPE_AMENDMENT)
    header.as_of.GetCurrentTime()
    parts = [keeping.SubmitSnapshotRequest(header=header), keeping.SubmitSnapshotRequest(positions=columns)]
    answer = service.SubmitSnapshot(iter(parts), timeout=CALL_SECONDS)
    check(answer.book_version == header.book_version, f"{house.name}: the book stands at {answer}")
    return len(columns.quantities)


def run_cycle(houses, cycle):
    """Opens a cycle at both houses and waits until both hold the same agreement."""
    for house in houses:
        request = operations.OpenCycleRequest(cycle=cycle)
        request.cut_off.FromSeconds(int(time.time()) + CUT_OFF_SECONDS)
        house.operations().OpenCycle(request, timeout=CALL_SECONDS)

    def agreed(house):
        now = house.operations().GetCycle(operations.GetCycleRequest(cycle=cycle), timeout=CALL_SECONDS).cycle
        check(now.phase != cycle_pb2.CYCLE_PHASE_FALLEN_BACK, f"{house.name} fell back: {now.explanation}")
        return now.agreement_digest
    digests = wait("the agreement", houses, agreed)
    check(digests[0] == digests[1], f"the houses hold different agreements: {digests}")
    return digests[0]


def check_reduced(row, what):
    check(row.status == margin.REQUIREMENT_STATUS_AGREED and row.mode == registry.LINK_MODE_LIVE,
          f"{what}: {margin.RequirementStatus.Name(row.status)}: {row.reason}")
    check(row.applied_factor_bp > 0, f"{what}: no reduction is applied")
    for leg in ("treasury", "futures"):
        required, alone = (Decimal(getattr(row, f"{leg}_{kind}")) for kind in ("requirement", "standalone"))
        check(0 < required < alone, f"{what}: the {leg} leg requires {required}, and {alone} stand-alone")


def check_changes(house, houses, link_id):
    """Reads both logs page by page, as a whole and in order."""
    rows, token = [], ""
    while True:
        request = programme.ListChangesRequest(page_size=20, page_token=token)
        page = house.programme().ListChanges(request, timeout=CALL_SECONDS)
        check(0 < len(page.changes) <= 20, f"{house.name}: a page of {len(page.changes)} changes, 20 asked for")
        rows += page.changes
        token = page.next_page_token
        if not token:
            break
    order = [[one.name for one in houses].index(row.house) for row in rows]
    keys = [(place, row.sequence, row.place) for place, row in zip(order, rows)]
    check(keys == sorted(set(keys)), f"{house.name}: changes are out of order or told twice")
    for one in houses:
        told = [row.change.WhichOneof("change") for row in rows
                if row.house == one.name and link_id in str(row.change)]
        for kind in ("link", "document", "stage", "suspension"):
            expected = kind != "suspension" or one is houses[0]
            check((kind in told) == expected, f"{house.name}: of {one.name}'s log the changes of {link_id} are {told}")
    return len(rows)


def read_as_owner(house, role, link_id, account, other_link):
    """An owner sees its own link and requirement, and nothing else."""
    service = house.programme(role)
    listed = service.ListLinks(programme.ListLinksRequest(), timeout=CALL_SECONDS).links
    check([link.terms.link_id for link in listed] == [link_id], f"{role} sees {listed}")
    check(house.link(link_id, role).history, f"{role} reads no history")
    refused(lambda: house.link(other_link, role), grpc.StatusCode.NOT_FOUND, f"{role} reads {other_link}")
    answer = house.margin(role).GetRequirement(margin.GetRequirementRequest(account=account), timeout=CALL_SECONDS)
    check(answer.requirement.link.link_id == link_id, f"{role} reads the requirement of {answer.requirement.link}")
    for name, call, request in [
            ("ListChanges", service.ListChanges, programme.ListChangesRequest()),
            ("RecordChanges", service.RecordChanges, programme.RecordChangesRequest(request_id="owner"))]:
        refused(lambda: call(request, timeout=CALL_SECONDS), grpc.StatusCode.PERMISSION_DENIED, f"{role} calls {name}")


def walk(houses, suffix, owners):
    treasury, futures = houses
    request = f"onboard-{suffix}"
    terms = registry.LinkTerms(
        link_id=f"LNK-{suffix}", kind=registry.LINK_KIND_CUSTOMER, member=f"firm-{suffix}", owner=f"C-{suffix}",
        treasury_account=f"T-{suffix}", futures_account=f"F-{suffix}")
    link_id = terms.link_id
    for house in houses:
        try:
            grpc.channel_ready_future(house.channel("administrator")).result(timeout=START_SECONDS)
        except grpc.FutureTimeoutError:
            sys.exit(f"{house.name} at {house.address} takes no connection in {START_SECONDS} s")
    wait("the other house", houses, lambda house: house.operations("administrator").GetNodeStatus(
        operations.GetNodeStatusRequest(), timeout=CALL_SECONDS).is_peer_connected)
    withdraw(houses, f"{request}-earlier")
    print(f"{treasury.name} and {futures.name} are up and reach each other")

    unknown = registry.ProgrammeChange(customer=registry.CustomerRecord(
        customer=terms.owner, member=terms.member, opted_in=registry.DateRange(**{"from": "soon"})))
    early = programme.RecordChangesRequest(
        request_id=f"{request}-wrong", changes=[unknown, registry.ProgrammeChange(link=registry.LinkTerms(member="?"))])
    told = problems(lambda: treasury.programme().RecordChanges(early, timeout=CALL_SECONDS))
    fields = {field for field, _ in told}
    check({"changes[0].customer.opted_in.from", "changes[1].link.link_id", "changes[1].link.member"} <= fields,
          f"a batch of two wrong changes is refused with {told}")
    print(f"a wrong batch is refused with all its {len(told)} problems, by row and field")

    for house in houses:
        member = registry.MemberRecord(
            member=terms.member, broker_dealer=SINCE, futures_commission_merchant=SINCE, membership=SINCE)
        customer = registry.CustomerRecord(customer=terms.owner, member=terms.member, opted_in=SINCE)
        house.record(f"{request}-parties", registry.ProgrammeChange(member=member), registry.ProgrammeChange(customer=customer))
    print(f"member {terms.member} and customer {terms.owner} are recorded at both houses")
    treasury.record(f"{request}-link", registry.ProgrammeChange(link=terms))
    wait_stage(houses, link_id, "PROPOSED", futures.name)
    futures.record(f"{request}-link", registry.ProgrammeChange(link=terms))
    wait_stage(houses, link_id, "PROPOSED", DOCUMENTS[0])
    print(f"link {link_id} is proposed by {treasury.name}, accepted by {futures.name}, and misses its documents")
    for house in houses:
        house.record(f"{request}-documents", *[document(link_id, kind) for kind in DOCUMENTS])
    wait_stage(houses, link_id, "DOCUMENTED")
    print(f"{len(DOCUMENTS)} documents lie at each house: DOCUMENTED")
    for house in houses:
        house.record(f"{request}-rehearse", stage(link_id, "REHEARSING"))
    for kind in APPROVALS:
        wait_stage(houses, link_id, "REHEARSING", kind)
    print("both houses consented: REHEARSING, and every approval is missing")

    for house in houses:
        early = programme.RecordChangesRequest(request_id=f"{request}-early", changes=[stage(link_id, "LIVE")])
        told = problems(lambda: house.programme().RecordChanges(early, timeout=CALL_SECONDS))
        named = [kind for kind in APPROVALS
                 if any(field == "changes[0].stage.link_ids[0]" and kind in text for field, text in told)]
        check(named == APPROVALS and len(told) == len(APPROVALS), f"{house.name} refuses to go live with {told}")
    print(f"going live is refused at both, each missing approval by field: {', '.join(named)}")
    for house in houses:
        house.record(f"{request}-approvals", *[approval(suffix, kind) for kind in APPROVALS])
    wait("every approval effective", houses, lambda house: len(APPROVALS) == sum(
        one.is_effective and one.is_signed_by_both and one.record.approval_id.endswith(suffix)
        for one in house.approvals()))
    for house in houses:
        house.record(f"{request}-live", stage(link_id, "LIVE"))
    wait_stage(houses, link_id, "LIVE")
    print("the approvals are recorded and both houses consented: LIVE at both, nothing is missing")

    newest, like = pair_to_copy(treasury)
    for house, leg in zip(houses, ("treasury_account", "futures_account")):
        count = submit(house, request, newest.business_date, getattr(like, leg), getattr(terms, leg))
        print(f"{house.name} takes in {getattr(terms, leg)} with the {count} positions of {getattr(like, leg)}")
    listed = [cycle.id.run for house in houses
              for cycle in house.operations().ListCycles(operations.ListCyclesRequest(), timeout=CALL_SECONDS).cycles
              if (cycle.id.business_date, cycle.id.kind) == (newest.business_date, cycle_pb2.CYCLE_KIND_ITD)]
    cycle = cycle_pb2.CycleId(arrangement=newest.arrangement, business_date=newest.business_date,
                              kind=cycle_pb2.CYCLE_KIND_ITD, run=max(listed, default=0) + 1)
    digest = run_cycle(houses, cycle)
    print(f"{cycle.business_date}/ITD/{cycle.run} is agreed at both: {digest}")
    rows = [house.margin().GetRequirement(margin.GetRequirementRequest(account=account, cycle=cycle), timeout=CALL_SECONDS)
            .requirement for house in houses for account in (terms.treasury_account, like.treasury_account)]
    for house, row, copied in zip(houses, rows[::2], rows[1::2]):
        check_reduced(row, f"{house.name}, {link_id}")
        check(row.link == terms, f"{house.name}: the requirement is of {row.link}")
        check(row.applied_factor_bp == copied.applied_factor_bp and row.treasury_standalone == copied.treasury_standalone,
              f"{house.name}: {link_id} has other figures than {like.link_id}, whose positions it holds")
    print(f"AGREED at both: factor {rows[0].applied_factor_bp / 100:.2f} %, requires {rows[0].treasury_requirement} of "
          f"{rows[0].treasury_standalone} and {rows[0].futures_requirement} of {rows[0].futures_standalone}")

    watched = futures.programme().WatchChanges(programme.WatchChangesRequest(
        after_treasury_sequence=treasury.recorded, after_futures_sequence=futures.recorded), timeout=PATIENCE_SECONDS)
    reason = f"{terms.member} did not answer"
    scope = registry.Scope(link_id=link_id)
    treasury.record(f"{request}-suspend", registry.ProgrammeChange(reason=reason, suspension=registry.Suspension(scope=scope)))
    told = next(watched).changes
    watched.cancel()
    check([(one.house, one.sequence, one.change.reason) for one in told] == [(treasury.name, treasury.recorded, reason)],
          f"a watcher at {futures.name} is told {told}")
    suspended = wait_stage(houses, link_id, "SUSPENDED", reason)
    [suspension] = suspended[0].suspension_ids
    check(list(suspended[1].suspension_ids) == [suspension], f"{futures.name} knows {suspended[1].suspension_ids}")
    print(f"{treasury.name} suspends alone: SUSPENDED at both, with the reason, and a watcher at {futures.name} is told")
    for house in houses:
        wait_stage(houses, link_id, "SUSPENDED")
        house.record(f"{request}-lift", registry.ProgrammeChange(
            reason="it answered", lift=registry.Lift(suspension_id=suspension)))
    wait_stage(houses, link_id, "LIVE")
    print("both houses consented to lift it: LIVE at both")

    if owners:
        for house, account in zip(houses, (terms.treasury_account, terms.futures_account)):
            for role in (f"member-{terms.member}", f"customer-{terms.owner}"):
                read_as_owner(house, role, link_id, account, like.link_id)
        print("the member and the customer read their link and requirement at both, and nothing else")
    count = [check_changes(house, houses, link_id) for house in houses]
    check(count[0] == count[1], f"the houses list {count} changes")
    print(f"both houses list the same {count[0]} changes, page by page, in order")
    withdraw(houses, f"{request}-withdraw")
    for kind in APPROVALS:
        wait_stage(houses, link_id, "REHEARSING", kind)
    print("the approvals are withdrawn: REHEARSING at both")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treasury", required=True, type=pathlib.Path, help="configuration of the Treasury house's node")
    parser.add_argument("--futures", required=True, type=pathlib.Path, help="configuration of the futures house's node")
    parser.add_argument("--pki", required=True, type=pathlib.Path, help="a folder made by `crossmargin certs`")
    parser.add_argument("--suffix", default=str(int(time.time())), help="end of every id; by default the time")
    parser.add_argument("--owners", action="store_true", help="read the link as its member and its customer too")
    arguments = parser.parse_args()
    houses = [House(config, arguments.pki) for config in (arguments.treasury, arguments.futures)]
    try:
        walk(houses, arguments.suffix, arguments.owners)
    except grpc.RpcError as error:
        sys.exit(f"a call failed: {error.code().name}: {error.details()}")


main()
