"""Checks the demo's JSON as a reader would who trusts none of its figures: see docs/demo.md for the fields."""

import json
import sys
from decimal import ROUND_CEILING, Decimal

STATUSES = {"agreed", "rehearsal", "suspended", "break", "fallen_back"}
CENT = Decimal("0.01")


def rounded_up(amount):
    return amount.quantize(CENT, rounding=ROUND_CEILING)


def check_account(account):
    standalone = {house: Decimal(account[f"{house}_standalone"]) for house in ("ficc", "cme")}
    requirement = {house: Decimal(account[f"{house}_requirement"]) for house in ("ficc", "cme")}
    factor = Decimal(account["applied_factor"])
    if account["would_be_factor"] is None:
        # A house that fell back without the other's positions knows no joint factor.
        assert account["status"] == "fallen_back" and factor == 0, "a factor that nobody computed"
        would_be = factor
    else:
        would_be = Decimal(account["would_be_factor"])
    assert 0 <= factor <= would_be <= 1, "a factor out of order"
    if account["status"] == "agreed":
        assert factor == would_be, "an agreed factor that is not applied"
    else:
        assert factor == 0, "a factor applied without an agreement"
    for house in ("ficc", "cme"):
        own = account[f"{house}_factor"]
        assert own is None or would_be <= Decimal(own), f"more granted than {house} computed"
        # The requirement follows from the margin before that was rounded up to the cent for show.
        least, most = (rounded_up((1 - factor) * margin) for margin in (standalone[house] - CENT, standalone[house]))
        follows = least <= requirement[house] <= most if factor else requirement[house] == standalone[house]
        assert follows, f"{house} requires {requirement[house]}, not {most}"
        if account[f"{house}_charges"] is not None:
            charges, total = Decimal(account[f"{house}_charges"]), Decimal(account[f"{house}_total"])
            assert charges >= 0 and total == requirement[house] + charges, f"{house} requires {total} in all"


def check_cycle(cycle):
    for account in cycle["accounts"]:
        try:
            check_account(account)
        except (AssertionError, KeyError, ArithmeticError, TypeError) as error:
            sys.exit(f"account {account.get('account')}: {error!r}\n{json.dumps(account, indent=2, default=str)}")
    if any(account["status"] == "agreed" for account in cycle["accounts"]):
        houses = cycle["houses"]
        if len({house["house"] for house in houses}) != 2:
            sys.exit(f"an agreement of {houses}")
        digests = {house["agreement_digest"] for house in houses}
        if len(digests) != 1 or not all(digests):
            sys.exit(f"the houses hold different agreements: {houses}")
        if any(house["signature_count"] != 2 for house in houses):
            sys.exit(f"an agreement without both signatures: {houses}")
        return 1
    return 0


def main(path):
    with open(path, encoding="utf-8") as file:
        # As written: a binary fraction of a factor would round.
        demo = json.load(file, parse_float=Decimal)
    accounts = [account for cycle in demo["cycles"] for account in cycle["accounts"]]
    agreements = sum(check_cycle(cycle) for cycle in demo["cycles"])
    statuses = {account["status"] for account in accounts}
    if statuses != STATUSES:
        sys.exit(f"the demo shows {sorted(statuses)}, not {sorted(STATUSES)}")
    if not agreements:
        sys.exit("no cycle was agreed")
    print(f"{len(demo['cycles'])} cycles, {agreements} agreed under one digest and two signatures at both houses; "
          f"{len(accounts)} results, every requirement follows from its factor")


main(sys.argv[1])
