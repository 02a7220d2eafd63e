"""Compares `crossmargin risk treasury --convention street` with QuantLib on random Treasuries: prices, accrued interest,
yields and DV01, unrounded, each to 1e-9. The bonds are the same in every run."""

import calendar
import datetime
import json
import random
import subprocess
import sys

import QuantLib as ql

COUNT = 1_000
SEED = 20_260_213
TOLERANCE = 1e-9
COLUMNS = "dated_date,issue_date,settle_date,first_coupon_date,maturity_date,coupon"
FIELDS = ("price", "accrued_per_100", "dirty", "yield", "dv01_per_100")


def month_later(day, months, end_of_month):
    """The same day some months later, the last day of the month for a bond that pays on last days."""
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, last if end_of_month else min(day.day, last))


def random_day(rng, first, last):
    """A day from `first` up to, but not including, `last`."""
    return first + datetime.timedelta(days=rng.randrange((last - first).days))


def random_bond(rng, first_period):
    """A note or bond, paying on the 15th or on last days of months, settled on any day of its life."""
    end_of_month = rng.random() < 0.5
    month = datetime.date(rng.randint(1985, 2030), rng.randint(1, 12), 15)
    start = month_later(month, 0, end_of_month)
    maturity = month_later(start, 6 * rng.randint(3, 60), end_of_month)
    # `start` begins the last regular half-year before the first coupon or, where the period is long, the first whole one.
    first_coupon = month_later(start, 6, end_of_month)
    day = datetime.timedelta(days=1)
    if first_period == "short":
        dated = random_day(rng, start + day, first_coupon)
    elif first_period == "long":
        dated = random_day(rng, month_later(start, -6, end_of_month) + day, start)
    else:
        dated = start
    # A third settles before the first coupon, where an odd one shows.
    settle = random_day(rng, dated, first_coupon if rng.random() < 1 / 3 else maturity)
    return {
        "dated_date": dated,
        "issue_date": dated,
        "settle_date": settle,
        "first_coupon_date": first_coupon,
        "maturity_date": maturity,
        "coupon": rng.randint(1, 80) / 8,
        "yield": round(rng.uniform(-0.9, 9.0), rng.randint(1, 12)),
        "end_of_month": end_of_month,
    }


def quantlib(bond):
    """The same by QuantLib. DV01 is the analytic derivative: modified duration times the price with accrued interest."""
    day = {name: ql.Date(bond[name].isoformat(), "%Y-%m-%d") for name in bond if name.endswith("_date")}
    settle = day["settle_date"]
    ql.Settings.instance().evaluationDate = settle
    schedule = ql.Schedule(
        day["dated_date"], day["maturity_date"], ql.Period(ql.Semiannual), ql.NullCalendar(), ql.Unadjusted,
        ql.Unadjusted, ql.DateGeneration.Backward, bond["end_of_month"], day["first_coupon_date"])
    counter = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    treasury = ql.FixedRateBond(0, 100.0, schedule, [bond["coupon"] / 100], counter)
    street = (counter, ql.Compounded, ql.Semiannual)
    price = treasury.cleanPrice(bond["yield"] / 100, *street, settle)
    accrued = treasury.accruedAmount(settle)
    rate = ql.InterestRate(bond["yield"] / 100, *street)
    duration = ql.BondFunctions.duration(treasury, rate, ql.Duration.Modified, settle)
    found = treasury.bondYield(ql.BondPrice(price, ql.BondPrice.Clean), *street, settle, 1e-14, 1_000, 0.03)
    return {
        "price": price,
        "accrued_per_100": accrued,
        "dirty": price + accrued,
        "yield": found * 100,
        "dv01_per_100": duration * (price + accrued) / 10_000,
    }


def crossmargin(binary, bonds, column, values):
    """One run of the command over all bonds, asked from a column of yields or of prices."""
    rows = [f"{COLUMNS},{column}"]
    for bond, value in zip(bonds, values):
        rows.append(",".join(str(bond[name]) for name in COLUMNS.split(",")) + f",{value!r}")
    command = [binary, "risk", "treasury", "--convention", "street", "--in", "-", "--json"]
    run = subprocess.run(command, input="\n".join(rows), capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    answers = json.loads(run.stdout)
    if len(answers) != len(bonds):
        sys.exit(f"{len(answers)} answers to {len(bonds)} bonds")
    return answers


def main(binary):
    rng = random.Random(SEED)
    bonds = [random_bond(rng, ("regular", "short", "long")[place % 3]) for place in range(COUNT)]
    expected = [quantlib(bond) for bond in bonds]
    by_yield = crossmargin(binary, bonds, "yield", [bond["yield"] for bond in bonds])
    by_price = crossmargin(binary, bonds, "price", [figures["price"] for figures in expected])
    print(f"{COUNT} bonds against QuantLib {ql.__version__}; largest differences:")
    failed = False
    for asked, answers in (("yield", by_yield), ("price", by_price)):
        for field in FIELDS:
            differences = [abs(answer[field] - figures[field]) for answer, figures in zip(answers, expected)]
            largest = max(differences)
            # What is not a number fails too.
            if not all(difference <= TOLERANCE for difference in differences):
                failed = True
                worst = differences.index(largest)
                print(f"  {field} from {asked}: {largest:.2e}: {bonds[worst]}\n    {answers[worst]}\n    {expected[worst]}")
            else:
                print(f"  {field:16} from {asked}: {largest:.2e}")
    if failed:
        sys.exit(f"a difference above {TOLERANCE:g}")


main(sys.argv[1])
