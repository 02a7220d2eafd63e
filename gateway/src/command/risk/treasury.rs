//! `crossmargin risk treasury`: prices and yields of Treasury notes and bonds.

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    revaluation::key_rate_dv01,
    scenario::Tenor,
    treasury::{Convention, CouponSchedule, PriceError, auction_price, auction_yield},
};
use serde::{Serialize, Serializer};

use super::{
    answer::{self, Answer, Calculated},
    input::{self, Column, FromRow, Io, Row, ScheduleColumns, Told, Wrong},
    quote,
};
use crate::command::{failure::Failure, output};

/// Arguments of `crossmargin risk treasury`.
#[derive(Clone, Debug, Args)]
pub struct TreasuryArgs {
    /// How the broken half-year is discounted, and how prices are rounded.
    #[arg(long, value_name = "CONVENTION")]
    convention: ConventionName,
    /// Leave out the rows whose security type says that they are bills, instead of refusing them.
    #[arg(long, requires = "input")]
    skip_bills: bool,
    #[command(flatten)]
    io: Io,
    #[command(flatten)]
    options: TreasuryOptions,
}

/// A convention between price and yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConventionName {
    /// Simple interest, rounded as at auctions (31 CFR 356 Appendix B): six decimals.
    Treasury,
    /// Compound interest, as the market trades: not rounded.
    Street,
}

#[derive(Clone, Debug, Args)]
#[group(conflicts_with = "input")]
struct TreasuryOptions {
    /// The coupon rate, in per cent a year.
    #[arg(long, value_name = "PER_CENT")]
    coupon: Option<String>,
    /// The maturity, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    maturity_date: Option<String>,
    /// The date from which interest accrues; where it is not given, a half-year before the first coupon.
    #[arg(long, value_name = "DATE")]
    dated_date: Option<String>,
    /// The date of the first coupon; where it is not given, the first half-year date after the dated date, or after
    /// the issue.
    #[arg(long, value_name = "DATE")]
    first_coupon_date: Option<String>,
    /// The issue date.
    #[arg(long, value_name = "DATE")]
    issue_date: Option<String>,
    /// The settlement date; the issue date where it is not given.
    #[arg(long, value_name = "DATE")]
    settle_date: Option<String>,
    /// The yield in per cent, compounded semiannually: gives the price.
    #[arg(long = "yield", value_name = "PER_CENT", allow_hyphen_values = true)]
    yield_percent: Option<String>,
    /// The price without accrued interest per 100, as a decimal or as points and 32nds (99-03+): gives the yield.
    #[arg(long, value_name = "PRICE")]
    price: Option<String>,
}

const CUSIP: Column = Column::optional("cusip");
const SECURITY_TYPE: Column = Column::optional("security_type").or(&["kind"]);
const COUPON: Column = Column::required("coupon").or(&["InterestRate"]);
const MATURITY: Column = Column::required("maturity_date").or(&["maturity"]);
const DATED: Column = Column::optional("dated_date");
const FIRST_COUPON: Column = Column::optional("first_coupon_date").or(&["FirstInterestPaymentDate"]);
const ISSUE: Column = Column::optional("issue_date");
const SETTLE: Column = Column::optional("settle_date");
const YIELD: Column = Column::optional("yield").or(&["HighYield"]);
const PRICE: Column = Column::optional("price");

const SCHEDULE: ScheduleColumns =
    ScheduleColumns { coupon: COUPON, dated: DATED, first_coupon: FIRST_COUPON, maturity: MATURITY };

/// A row: a note or bond with what is asked, or a bill.
enum TreasuryRow {
    Coupon(Question),
    Bill,
}

/// A note or bond, and its yield or price.
struct Question {
    cusip: Option<String>,
    coupon: Fixed8,
    maturity: Date,
    dated: Option<Date>,
    first_coupon: Option<Date>,
    /// A day of the first interest period where neither of its ends is given.
    on: Date,
    settle: Date,
    given: Given,
}

#[derive(Clone, Copy)]
enum Given {
    /// In per cent.
    Yield(f64),
    /// Without accrued interest, per 100.
    Price(f64),
}

/// Price, yield and sensitivity.
#[derive(Clone, Debug, Serialize)]
struct Quote {
    #[serde(skip_serializing_if = "Option::is_none")]
    cusip: Option<String>,
    price: Figure,
    accrued_per_100: Figure,
    dirty: Figure,
    #[serde(rename = "yield")]
    yield_percent: f64,
    dv01_per_100: f64,
    #[serde(serialize_with = "by_tenor")]
    key_rate_dv01: Vec<(Tenor, f64)>,
}

/// A figure: a double as it is, or a decimal that the regulation rounds.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Figure {
    Double(f64),
    Decimal(String),
}

/// Runs `crossmargin risk treasury`.
///
/// # Errors
/// Every problem of the input.
pub(super) fn run(args: &TreasuryArgs) -> Result<(), Failure> {
    let given = &args.options;
    let options = [
        (COUPON, &given.coupon),
        (MATURITY, &given.maturity_date),
        (DATED, &given.dated_date),
        (FIRST_COUPON, &given.first_coupon_date),
        (ISSUE, &given.issue_date),
        (SETTLE, &given.settle_date),
        (YIELD, &given.yield_percent),
        (PRICE, &given.price),
    ];
    let rows = input::calculate(&args.io, &options, |row, _| match row {
        TreasuryRow::Coupon(question) => solve(question, args.convention).map(Some),
        TreasuryRow::Bill if args.skip_bills => Ok(None),
        TreasuryRow::Bill => Err(Wrong::new(
            SECURITY_TYPE,
            "a bill pays no coupon and is not priced here: --skip-bills leaves bills out",
        )),
    })?;
    let count = rows.len();
    let quote = |row: Calculated<Option<Quote>>| Some(Calculated { line: row.line, answer: row.answer? });
    let quotes: Vec<Calculated<Quote>> = rows.into_iter().filter_map(quote).collect();
    if quotes.len() < count {
        output::note(&format!("{} of {count} rows are bills and left out", count - quotes.len()));
    }
    answer::print(&args.io, &quotes)
}

fn solve(question: &Question, convention: ConventionName) -> Result<Quote, Wrong> {
    let Question { coupon, maturity, dated, first_coupon, on, settle, .. } = *question;
    let schedule = CouponSchedule::completed(coupon, dated, first_coupon, maturity, on)
        .map_err(|error| Wrong::of_schedule(&error, &SCHEDULE))?;
    let bond = schedule.resolve(settle).map_err(|error| Wrong::new(SETTLE, error))?;
    let asked = match question.given {
        Given::Yield(_) => YIELD,
        Given::Price(_) => PRICE,
    };
    let wrong = |error: PriceError| Wrong::new(asked, error);
    let (yield_percent, figures, convention) = match convention {
        ConventionName::Treasury => {
            let (yield_percent, auction) = match question.given {
                Given::Yield(at) => (at, auction_price(&schedule, settle, at).map_err(wrong)?),
                Given::Price(price) => auction_yield(&schedule, settle, price).map_err(wrong)?,
            };
            let six = |number| Figure::Decimal(quote::places(number, 6));
            (yield_percent, [auction.price, auction.accrued, auction.dirty].map(six), Convention::Treasury)
        }
        ConventionName::Street => {
            let (yield_percent, price, dirty) = match question.given {
                Given::Yield(at) => (at, bond.clean(Convention::Street, at), bond.dirty(Convention::Street, at)),
                Given::Price(price) => {
                    let found = bond.yield_from_clean(Convention::Street, price).map_err(wrong)?;
                    (found, price, price + bond.accrued())
                }
            };
            if !dirty.is_finite() {
                return Err(wrong(PriceError::TooLarge { price: dirty }));
            }
            (yield_percent, [price, bond.accrued(), dirty].map(Figure::Double), Convention::Street)
        }
    };
    let dv01 = bond.dv01(convention, yield_percent);
    if !dv01.is_finite() {
        return Err(wrong(PriceError::TooLarge { price: dv01 }));
    }
    let [price, accrued_per_100, dirty] = figures;
    Ok(Quote {
        cusip: question.cusip.clone(),
        price,
        accrued_per_100,
        dirty,
        yield_percent,
        dv01_per_100: dv01,
        key_rate_dv01: key_rate_dv01(dv01, settle, maturity),
    })
}

impl FromRow for TreasuryRow {
    const COLUMNS: &'static [Column] =
        &[CUSIP, SECURITY_TYPE, COUPON, MATURITY, DATED, FIRST_COUPON, ISSUE, SETTLE, YIELD, PRICE];

    fn from_row(row: &mut Row<'_>) -> Result<Self, Told> {
        let is_bill = row.optional(SECURITY_TYPE, is_bill)?.unwrap_or(false);
        if is_bill {
            return Ok(Self::Bill);
        }
        let cusip = row.optional(CUSIP, quote::cusip);
        let coupon = row.required(COUPON, quote::issue_coupon);
        let maturity = row.required(MATURITY, quote::date);
        let dated = row.optional(DATED, quote::date);
        let first_coupon = row.optional(FIRST_COUPON, quote::date);
        let issue = row.optional(ISSUE, quote::date);
        let settle = row.optional(SETTLE, quote::date);
        let settle = match (settle, issue) {
            (Ok(None), Ok(None)) => Err(row.wrong(SETTLE, "is missing, and there is no issue date in its place")),
            (Ok(Some(settle)), _) | (Ok(None), Ok(Some(settle))) => Ok(settle),
            _ => Err(Told),
        };
        let given = match (row.optional(YIELD, quote::yield_percent), row.optional(PRICE, quote::price)) {
            (Ok(Some(_)), Ok(Some(_))) => Err(row.wrong(YIELD, "a price is given too: leave one of the two empty")),
            (Ok(None), Ok(None)) => Err(row.wrong(YIELD, "is missing, and so is a price: one of the two is needed")),
            (Ok(Some(at)), Ok(None)) => Ok(Given::Yield(at)),
            (Ok(None), Ok(Some(price))) => Ok(Given::Price(price)),
            _ => Err(Told),
        };
        let settle = settle?;
        Ok(Self::Coupon(Question {
            cusip: cusip?,
            coupon: coupon?,
            maturity: maturity?,
            dated: dated?,
            first_coupon: first_coupon?,
            on: issue?.map_or(settle, |issue| issue.min(settle)),
            settle,
            given: given?,
        }))
    }
}

/// Whether a security type is a bill, which has no coupon; other types than notes and bonds are refused.
fn is_bill(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "note" | "bond" => Ok(false),
        "bill" => Ok(true),
        _ => Err(format!("{text:?} is not priced here: notes and bonds are")),
    }
}

impl Answer for Quote {
    const COLUMNS: &'static [&'static str] =
        &["cusip", "price", "accrued per 100", "dirty", "yield %", "DV01 per 100", "DV01 by tenor"];

    fn cells(&self) -> Vec<String> {
        let parts: Vec<String> = self.key_rate_dv01.iter().map(|(tenor, part)| format!("{tenor} {part:.6}")).collect();
        vec![
            self.cusip.clone().unwrap_or_default(),
            self.price.text(),
            self.accrued_per_100.text(),
            self.dirty.text(),
            self.yield_percent.to_string(),
            self.dv01_per_100.to_string(),
            parts.join(", "),
        ]
    }
}

impl Figure {
    fn text(&self) -> String {
        match self {
            Self::Double(number) => number.to_string(),
            Self::Decimal(text) => text.clone(),
        }
    }
}

/// An object with a field for each tenor.
fn by_tenor<S: Serializer>(parts: &[(Tenor, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(parts.iter().map(|(tenor, part)| (tenor.to_string(), part)))
}
