"""Prices the Treasuries of `revaluation_job` with QuantLib's Python binding: the same cash flows at the same yields.

    cargo run --release -p gateway --example revaluation_job -- job.json
    python benches/quantlib_revaluation.py job.json

Checks every price to 1e-9 of itself, times each way that the binding offers, and prints how many times as long the
fastest takes for one price as the job took for one value. All objects are made before the clock starts, and reused."""

import json
import sys
import time

import QuantLib as ql

TOLERANCE = 1e-9
ROUNDS = 3


def bond_of(wire):
    """QuantLib's bond, its day counter, and the flows that are left after settlement."""
    day = {name: ql.Date(wire[name], "%Y-%m-%d") for name in ("settle", "dated", "maturity")}
    end_of_month = ql.Date.isEndOfMonth(day["maturity"])
    schedule = ql.Schedule(
        day["dated"], day["maturity"], ql.Period(ql.Semiannual), ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted,
        ql.DateGeneration.Backward, end_of_month)
    counter = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    bond = ql.FixedRateBond(0, 100.0, schedule, [wire["coupon"] / 100], counter)
    left = {}
    for flow in bond.cashflows():
        if flow.date() > day["settle"]:
            left[flow.date().ISO()] = left.get(flow.date().ISO(), 0.0) + flow.amount()
    if list(left) != [date for date, _ in wire["flows"]]:
        sys.exit(f"{wire['cusip']}: other dates of payment: {list(left)[:3]} {wire['flows'][:3]}")
    for date, amount in wire["flows"]:
        if abs(left[date] - amount) > 1e-12 * 100:
            sys.exit(f"{wire['cusip']}: {left[date]!r} on {date}, not {amount!r}")
    return bond, counter, day["settle"]


class Priced:
    """One bond, ready to be priced in each way."""

    def __init__(self, wire):
        self.wire = wire
        self.bond, self.counter, self.settle = bond_of(wire)
        self.accrued = self.bond.accruedAmount(self.settle)
        self.legs = self.bond.cashflows()
        self.yields = [per_cent / 100 for per_cent in wire["yields"]]
        self.quote = ql.SimpleQuote(self.yields[0])
        curve = ql.FlatForward(self.settle, ql.QuoteHandle(self.quote), self.counter, ql.Compounded, ql.Semiannual)
        # The counter knows the days of the bond alone: the curve must not ask it how long the calendar lasts.
        curve.enableExtrapolation()
        self.on_curve, _, _ = bond_of(wire)
        self.on_curve.setPricingEngine(ql.DiscountingBondEngine(ql.YieldTermStructureHandle(curve)))
        self.rates = [ql.InterestRate(rate, self.counter, ql.Compounded, ql.Semiannual) for rate in self.yields]


def by_leg_and_rate(priced):
    npv, leg, settle = ql.CashFlows.npv, priced.legs, priced.settle
    return [npv(leg, rate, False, settle, settle) for rate in priced.rates]


def by_leg_and_yield(priced):
    npv, leg, settle, counter = ql.CashFlows.npv, priced.legs, priced.settle, priced.counter
    return [npv(leg, rate, counter, ql.Compounded, ql.Semiannual, False, settle, settle) for rate in priced.yields]


def by_bond_functions(priced):
    clean, bond, settle, accrued = ql.BondFunctions.cleanPrice, priced.bond, priced.settle, priced.accrued
    return [clean(bond, rate, settle) + accrued for rate in priced.rates]


def by_bond(priced):
    clean, counter, settle, accrued = priced.bond.cleanPrice, priced.counter, priced.settle, priced.accrued
    return [clean(rate, counter, ql.Compounded, ql.Semiannual, settle) + accrued for rate in priced.yields]


def by_moved_curve(priced):
    net_present_value, move = priced.on_curve.NPV, priced.quote.setValue
    prices = []
    for rate in priced.yields:
        move(rate)
        prices.append(net_present_value())
    return prices


WAYS = {
    "CashFlows.npv(leg, InterestRate)": by_leg_and_rate,
    "CashFlows.npv(leg, yield)": by_leg_and_yield,
    "BondFunctions.cleanPrice(bond, InterestRate)": by_bond_functions,
    "bond.cleanPrice(yield)": by_bond,
    "bond.NPV() on a flat curve, its quote moved": by_moved_curve,
}


def check(name, priced, prices):
    """Every price against the job's; the largest relative difference."""
    worst = 0.0
    for mine, theirs in zip(priced.wire["prices"], prices):
        difference = abs(mine - theirs) / theirs
        # What is not a number fails too.
        if not difference <= TOLERANCE:
            sys.exit(f"{name}: {priced.wire['cusip']}: {theirs!r}, the job has {mine!r}")
        worst = max(worst, difference)
    return worst


def main(path):
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    bonds = [Priced(wire) for wire in job["bonds"]]
    ql.Settings.instance().evaluationDate = bonds[0].settle
    count = sum(len(bond.yields) for bond in bonds)
    print(f"QuantLib {ql.__version__}: {len(bonds)} Treasuries, {count} prices")
    fastest = float("inf")
    for name, way in WAYS.items():
        best = float("inf")
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            prices = [way(bond) for bond in bonds]
            best = min(best, time.perf_counter() - begin)
        worst = max(check(name, bond, of_bond) for bond, of_bond in zip(bonds, prices))
        print(f"  {name:46} {best / count * 1e9:8.0f} ns a price; largest difference {worst:.1e}")
        fastest = min(fastest, best / count * 1e9)
    for key, name in (("treasury_ns", "a Treasury's price"), ("instrument_ns", "a value of any of the 600 instruments")):
        print(f"{name} takes the job {job[key]:.2f} ns: QuantLib takes {fastest / job[key]:.0f} times as long for a price")


if __name__ == "__main__":
    main(*sys.argv[1:])
