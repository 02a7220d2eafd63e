"""A client that knows the proto files alone: lets a node explain a margin, and checks the explanation by itself.

    pip install -r requirements.txt
    python explain_margin.py --config demo/FICC/node.toml --pki demo/pki [--demo demo.json]

For every account of the newest cycle of the demo that was agreed: each model's factor and requirement follow from the
margins, contributions add up to the expected shortfall and to the measure, and the steps of the movement from one cycle to
the next add up to the last digit. Then positions are tried, which must change no figure that is charged.
"""

import json
import sys
import tempfile
from decimal import ROUND_CEILING, Decimal

import grpc

import node
from node import CALL_SECONDS, START_SECONDS, refused

CENT = Decimal("0.01")


def close(found, expected, what):
    if found != expected:
        sys.exit(f"{what}: {found}, but {expected} follows")


def total(figures):
    return Decimal(figures.treasury_total) + Decimal(figures.futures_total)


def check_house(figures, what):
    alone = Decimal(figures.treasury_alone) + Decimal(figures.futures_alone)
    factor = int((alone - Decimal(figures.combined)) * 10_000 / alone) if alone else 0
    close(figures.factor_bp, factor, f"{what}, factor")


def check_figures(figures, what):
    check_house(figures.treasury_house, f"{what}, Treasury house")
    check_house(figures.futures_house, f"{what}, futures house")
    lesser = min(figures.treasury_house.factor_bp, figures.futures_house.factor_bp, 8_000)
    close(figures.applied_factor_bp, lesser if lesser >= 100 else 0, f"{what}, applied factor")
    kept = 1 - Decimal(figures.applied_factor_bp) / 10_000
    for leg, alone in [("treasury", figures.treasury_house.treasury_alone), ("futures", figures.futures_house.futures_alone)]:
        requirement = (Decimal(alone) * kept).quantize(CENT, rounding=ROUND_CEILING)
        close(Decimal(getattr(figures, f"{leg}_requirement")), requirement, f"{what}, {leg} requirement")
        in_all = requirement + Decimal(getattr(figures, f"{leg}_charges"))
        close(Decimal(getattr(figures, f"{leg}_total")), in_all, f"{what}, {leg} total")


def check_term(term, what):
    shortfall, measure = Decimal(term.expected_shortfall), Decimal(term.measure)
    losses = [Decimal(scenario.loss) for scenario in term.tail]
    close(len(losses), term.tail_count, f"{what}, scenarios of the tail")
    close(losses[-1], measure, f"{what}, the last loss of the tail")
    close(losses, sorted(losses, reverse=True), f"{what}, order of the tail")
    for kind in ("positions", "factors"):
        contributions = getattr(term, kind)
        if contributions:
            close(sum(Decimal(one.amount) for one in contributions), shortfall, f"{what}, {kind}")
            close(sum(Decimal(one.scaled) for one in contributions), measure, f"{what}, scaled {kind}")


def check_model(model, what):
    terms = 0
    for part in model.parts:
        for component in part.components:
            amounts = sum(Decimal(term.amount) for term in component.terms)
            close(Decimal(component.amount), amounts, f"{what}, component {component.name}")
            for term in component.terms:
                check_term(term, f"{what}, {component.name}, {term.name}")
                terms += 1
        largest = max([Decimal(0), Decimal(part.maturity_floor)] + [Decimal(one.amount) for one in part.components])
        core = largest + Decimal(part.margin_proxy) + sum(Decimal(one.amount) for one in part.core_charges)
        close(Decimal(part.core), core, f"{what}, core")
    return terms


def check_movement(movement, figures, what):
    at = movement.before
    for step in movement.steps:
        for house in ("treasury", "futures"):
            change = Decimal(getattr(step.after, f"{house}_total")) - Decimal(getattr(at, f"{house}_total"))
            close(Decimal(getattr(step, f"{house}_total_change")), change, f"{what}, movement by {step.name}")
        at = step.after
    if at != figures:
        sys.exit(f"{what}: the movement does not end at the figures explained")


def main():
    arguments, house, address = node.parse(__doc__)
    demo = json.loads(arguments.demo.read_text(encoding="utf-8")) if arguments.demo else None
    folder = tempfile.TemporaryDirectory()
    node.generate(folder.name)
    from crossmargin.v1 import analysis_pb2, analysis_service_pb2 as messages, analysis_service_pb2_grpc, cycle_pb2

    with node.channel(arguments, house, address, "margin-reader") as channel:
        grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
        service = analysis_service_pb2_grpc.AnalysisServiceStub(channel)

        def explain(account, cycle):
            request = messages.ExplainMarginRequest(account=account, cycle=cycle)
            return service.ExplainMargin(request, timeout=CALL_SECONDS)

        told = [entry for entry in (demo["cycles"] if demo else []) if entry["status"] == "agreed"]
        cycle, accounts, by_account = None, ["GSD-1001"], {}
        if told:
            last = told[-1]
            kind = cycle_pb2.CycleKind.Value(f"CYCLE_KIND_{last['kind']}")
            cycle = cycle_pb2.CycleId(
                arrangement="FICC-CME", business_date=last["business_date"], kind=kind, run=last["run"])
            by_account = {account["ficc_account"]: account for account in last["accounts"]}
            accounts = sorted(by_account)
        terms = movements = 0
        for account in accounts:
            explained = explain(account, cycle)
            check_figures(explained.figures, account)
            terms += check_model(explained.treasury_house, f"{account}, Treasury house")
            terms += check_model(explained.futures_house, f"{account}, futures house")
            if explained.HasField("movement"):
                check_movement(explained.movement, explained.figures, account)
                movements += 1
            if account in by_account:
                charged = by_account[account]
                close(Decimal(explained.figures.treasury_charges), Decimal(charged["ficc_charges"]), f"{account}, charges")
                standalone = Decimal(charged["ficc_standalone"])
                close(Decimal(explained.figures.treasury_standalone), standalone, f"{account}, stand-alone")
        print(f"{house} explained {len(accounts)} accounts: {terms} tails and {movements} movements add up to the last digit")

        nothing = service.TryPositions(messages.TryPositionsRequest(account=accounts[0]), timeout=CALL_SECONDS)
        close(Decimal(nothing.incremental_requirement), 0, "no change")
        change = analysis_pb2.PositionChange(
            instrument="FUT:ZN:2026-03", kind=analysis_pb2.CHANGE_KIND_ADD, quantity=-100)
        tried = service.TryPositions(
            messages.TryPositionsRequest(account=accounts[0], changes=[change]), timeout=CALL_SECONDS)
        close(Decimal(tried.incremental_requirement), total(tried.after) - total(tried.before), "100 ZN sold")
        check_figures(tried.after, "100 ZN sold")
        print(f"100 ZN sold in {accounts[0]} would add USD {tried.incremental_requirement} to what both houses require")
        wrong = analysis_pb2.PositionChange(instrument="FUT:ZN", quantity=1)
        request = messages.TryPositionsRequest(account=accounts[0], changes=[wrong])
        print("a wrong instrument:", refused(
            lambda: service.TryPositions(request, timeout=CALL_SECONDS), grpc.StatusCode.INVALID_ARGUMENT))

    with node.channel(arguments, house, address, "position-source") as channel:
        service = analysis_service_pb2_grpc.AnalysisServiceStub(channel)
        print("as position-source:", refused(
            lambda: service.ExplainMargin(messages.ExplainMarginRequest(account=accounts[0]), timeout=CALL_SECONDS),
            grpc.StatusCode.PERMISSION_DENIED))


main()
