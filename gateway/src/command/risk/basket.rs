//! `crossmargin risk basket`: which issue of a basket is cheapest to deliver.

use std::{cmp::Ordering, collections::HashMap};

use clap::Args;
use jiff::civil::{Date, Weekday};
use risk::{
    fixed::Fixed8,
    futures::{BasketTerms, Deliverable, DeliverableMeasures, cheapest_to_deliver, conversion_factor},
    instrument::ContractMonth,
    treasury::CouponSchedule,
};
use serde::Serialize;

use super::{
    answer::{self, Answer, Calculated},
    contract::{self, TreasuryContract},
    input::{self, Column, FromRow, Io, Row, ScheduleColumns, Told, Wrong},
    quote,
};
use crate::command::failure::Failure;

/// Arguments of `crossmargin risk basket`.
#[derive(Clone, Debug, Args)]
pub struct BasketArgs {
    /// The contract by Globex, clearing or floor code: ZN, 21 or TY.
    #[arg(long, value_name = "CODE", value_parser = contract::treasury)]
    contract: TreasuryContract,
    /// The delivery month, YYYY-MM, or its first day.
    #[arg(long, value_name = "MONTH", value_parser = quote::month)]
    delivery_month: ContractMonth,
    /// The price of the future: a decimal, or points and 32nds (126-18.5).
    #[arg(long, value_name = "PRICE", value_parser = quote::price)]
    futures_price: f64,
    /// The settlement date of the issues, YYYY-MM-DD.
    #[arg(long, value_name = "DATE", value_parser = quote::date)]
    settle: Date,
    /// The delivery date; the last of the contract where it is not given.
    #[arg(long, value_name = "DATE", value_parser = quote::date)]
    delivery: Option<Date>,
    /// The financing rate in per cent, ACT/360: gives the net basis.
    #[arg(long, value_name = "PER_CENT", value_parser = quote::number, allow_hyphen_values = true)]
    repo: Option<f64>,
    #[command(flatten)]
    io: Io,
}

const CUSIP: Column = Column::optional("cusip");
const COUPON: Column = Column::required("coupon");
const MATURITY: Column = Column::required("maturity").or(&["maturity_date"]);
const DATED: Column = Column::optional("dated_date");
const FIRST_COUPON: Column = Column::optional("first_coupon_date");
const PRICE: Column = Column::required("price").or(&["clean_price"]);
const FACTOR: Column = Column::optional("factor");

const SCHEDULE: ScheduleColumns =
    ScheduleColumns { coupon: COUPON, dated: DATED, first_coupon: FIRST_COUPON, maturity: MATURITY };

/// An issue and its price.
struct DeliverableRow {
    cusip: Option<String>,
    /// In per cent.
    coupon: Fixed8,
    maturity: Date,
    dated: Option<Date>,
    first_coupon: Option<Date>,
    /// Without accrued interest, per 100.
    clean: f64,
    factor: Option<Fixed8>,
}

/// How an issue stands against the future.
#[derive(Clone, Debug, Serialize)]
struct Standing {
    /// Its place by implied repo, from 1; none where it cannot be delivered.
    rank: Option<usize>,
    is_cheapest: bool,
    is_deliverable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_deliverable_because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cusip: Option<String>,
    coupon: f64,
    maturity: Date,
    price: f64,
    factor: String,
    /// In per cent, ACT/360.
    implied_repo: f64,
    gross_basis: f64,
    gross_basis_32nds: f64,
    /// None without a financing rate.
    net_basis: Option<f64>,
    net_basis_32nds: Option<f64>,
    invoice_per_100: f64,
    /// For a contract, not rounded to the cent.
    invoice_usd: f64,
    dv01_per_100: f64,
    futures_dv01_per_100: f64,
    /// For a contract.
    futures_dv01_usd: f64,
    #[serde(skip)]
    measures: DeliverableMeasures,
}

/// Runs `crossmargin risk basket`.
///
/// # Errors
/// Every problem of the input; a basket of which nothing can be delivered.
pub(super) fn run(args: &BasketArgs) -> Result<(), Failure> {
    if args.io.input.is_none() {
        return Err(Failure::usage("--in FILE is needed: a CSV file with a row for each issue of the basket"));
    }
    let terms = args.terms()?;
    let mut lines = HashMap::new();
    let mut standings = input::calculate(&args.io, &[], |row: &DeliverableRow, line| {
        if let (Some(cusip), Some(line)) = (&row.cusip, line)
            // With its check digit or without, it is one issue.
            && let Some(first) = lines.insert(cusip.chars().take(8).collect::<String>(), line)
        {
            return Err(Wrong::new(CUSIP, format!("{cusip} stands on line {first} already")));
        }
        args.stand(&terms, row)
    })?;
    rank(&mut standings);
    if standings.iter().all(|row| !row.answer.is_deliverable) {
        return Err(args.nothing_deliverable(&standings));
    }
    answer::print(&args.io, &standings)
}

impl BasketArgs {
    /// The dates and rates, checked against each other.
    fn terms(&self) -> Result<BasketTerms, Failure> {
        let (first, last) =
            (self.delivery_month.first_day(), self.contract.delivery.last_delivery_date(self.delivery_month));
        let delivery = self.delivery.unwrap_or(last);
        if !(first..=last).contains(&delivery) {
            let contract = format!("{} {}", self.contract.product, self.delivery_month);
            return Err(Failure::usage(format!(
                "--delivery: {delivery} is outside the deliveries of {contract}, {first} to {last}"
            )));
        }
        for (option, date) in [("--settle", self.settle), ("--delivery", delivery)] {
            if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
                return Err(Failure::usage(format!("{option}: {date} is no business day, but at a weekend")));
            }
        }
        if self.settle >= delivery {
            return Err(Failure::usage(format!("--settle: {} is not before the delivery on {delivery}", self.settle)));
        }
        let repo_percent = self.repo.unwrap_or_default();
        Ok(BasketTerms { futures_price: self.futures_price, settle: self.settle, delivery, repo_percent })
    }

    fn stand(&self, terms: &BasketTerms, row: &DeliverableRow) -> Result<Standing, Wrong> {
        let TreasuryContract { points_value, delivery, .. } = self.contract;
        let computed = || conversion_factor(row.coupon, row.maturity, self.delivery_month, delivery.rounding);
        let factor = row.factor.or_else(computed).filter(|factor| factor.units() > 0).ok_or_else(|| {
            Wrong::new(MATURITY, format!("{} is before the delivery month {}", row.maturity, self.delivery_month))
        })?;
        let schedule = CouponSchedule::completed(row.coupon, row.dated, row.first_coupon, row.maturity, terms.settle)
            .map_err(|error| Wrong::of_schedule(&error, &SCHEDULE))?;
        let measures = terms
            .measure(&Deliverable { schedule, clean: row.clean, factor })
            .map_err(|error| Wrong::new(PRICE, error))?;
        let outside = delivery.grade.check(row.dated, row.maturity, self.delivery_month).err();
        let net_basis = self.repo.map(|_| measures.net_basis);
        let points_value = f64::from(points_value);
        Ok(Standing {
            rank: None,
            is_cheapest: false,
            is_deliverable: outside.is_none(),
            not_deliverable_because: outside.map(|problem| problem.to_string()),
            cusip: row.cusip.clone(),
            coupon: row.coupon.to_f64(),
            maturity: row.maturity,
            price: row.clean,
            factor: quote::places(factor, 4),
            implied_repo: measures.implied_repo_percent,
            gross_basis: measures.gross_basis,
            gross_basis_32nds: measures.gross_basis * 32.0,
            net_basis,
            net_basis_32nds: net_basis.map(|basis| basis * 32.0),
            invoice_per_100: measures.invoice,
            invoice_usd: measures.invoice * points_value,
            dv01_per_100: measures.dv01,
            futures_dv01_per_100: measures.futures_dv01,
            futures_dv01_usd: measures.futures_dv01 * points_value,
            measures,
        })
    }

    fn nothing_deliverable(&self, standings: &[Calculated<Standing>]) -> Failure {
        let contract = format!("{} {}", self.contract.product, self.delivery_month);
        let reason = |row: &Calculated<Standing>| {
            let line = row.line.unwrap_or_default();
            format!("\n  line {line}: {}", row.answer.not_deliverable_because.as_deref().unwrap_or_default())
        };
        let reasons: String = standings.iter().map(reason).collect();
        Failure::new(format!("no issue of the basket can be delivered into {contract}:{reasons}"))
    }
}

/// Orders by implied repo, the highest first and what cannot be delivered last, and numbers the places.
fn rank(standings: &mut [Calculated<Standing>]) {
    standings.sort_by(|one, other| {
        let by_repo = || other.answer.implied_repo.partial_cmp(&one.answer.implied_repo).unwrap_or(Ordering::Equal);
        other.answer.is_deliverable.cmp(&one.answer.is_deliverable).then_with(by_repo)
    });
    let deliverable = standings.iter().take_while(|row| row.answer.is_deliverable).count();
    let measures: Vec<DeliverableMeasures> = standings[..deliverable].iter().map(|row| row.answer.measures).collect();
    let cheapest = cheapest_to_deliver(&measures);
    for (place, row) in standings[..deliverable].iter_mut().enumerate() {
        row.answer.rank = Some(place + 1);
        row.answer.is_cheapest = Some(place) == cheapest;
    }
}

impl FromRow for DeliverableRow {
    const COLUMNS: &'static [Column] = &[CUSIP, COUPON, MATURITY, DATED, FIRST_COUPON, PRICE, FACTOR];

    fn from_row(row: &mut Row<'_>) -> Result<Self, Told> {
        let cusip = row.optional(CUSIP, quote::cusip);
        let coupon = row.required(COUPON, quote::issue_coupon);
        let maturity = row.required(MATURITY, quote::date);
        let dated = row.optional(DATED, quote::date);
        let first_coupon = row.optional(FIRST_COUPON, quote::date);
        let clean = row.required(PRICE, quote::price);
        let factor = row.optional(FACTOR, quote::factor);
        Ok(Self {
            cusip: cusip?,
            coupon: coupon?,
            maturity: maturity?,
            dated: dated?,
            first_coupon: first_coupon?,
            clean: clean?,
            factor: factor?,
        })
    }
}

impl Answer for Standing {
    const COLUMNS: &'static [&'static str] = &[
        "rank",
        "cusip",
        "coupon %",
        "maturity",
        "price",
        "factor",
        "implied repo %",
        "gross basis /32",
        "net basis /32",
        "invoice USD",
        "futures DV01 USD",
        "",
    ];

    fn cells(&self) -> Vec<String> {
        let state = match self.is_deliverable {
            false => "not deliverable",
            true if self.is_cheapest => "cheapest",
            true => "",
        };
        vec![
            self.rank.map(|rank| rank.to_string()).unwrap_or_default(),
            self.cusip.clone().unwrap_or_default(),
            self.coupon.to_string(),
            self.maturity.to_string(),
            format!("{:.6}", self.price),
            self.factor.clone(),
            format!("{:.4}", self.implied_repo),
            format!("{:.2}", self.gross_basis_32nds),
            self.net_basis_32nds.map(|basis| format!("{basis:.2}")).unwrap_or_default(),
            format!("{:.2}", self.invoice_usd),
            format!("{:.2}", self.futures_dv01_usd),
            state.to_owned(),
        ]
    }

    fn remark(&self) -> Option<String> {
        self.not_deliverable_because.as_ref().map(|reason| format!("not deliverable: {reason}"))
    }
}
