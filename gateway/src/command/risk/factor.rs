//! `crossmargin risk factor`: conversion factors.

use clap::Args;
use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    futures::conversion_factor,
    instrument::{ContractMonth, ProductCode},
};
use serde::Serialize;

use super::{
    answer::{self, Answer},
    contract::{self, TreasuryContract},
    input::{self, Column, FromRow, Io, Row, Told, Wrong},
    quote,
};
use crate::command::failure::Failure;

/// Arguments of `crossmargin risk factor`.
#[derive(Clone, Debug, Args)]
pub struct FactorArgs {
    #[command(flatten)]
    io: Io,
    #[command(flatten)]
    options: FactorOptions,
}

#[derive(Clone, Debug, Args)]
#[group(conflicts_with = "input")]
struct FactorOptions {
    /// The contract by Globex, clearing or floor code: ZN, 21 or TY.
    #[arg(long, value_name = "CODE")]
    contract: Option<String>,
    /// The delivery month, YYYY-MM, or its first day.
    #[arg(long, value_name = "MONTH")]
    delivery_month: Option<String>,
    /// The coupon rate as a fraction: 0.02125 for 2.125 per cent.
    #[arg(long, value_name = "FRACTION")]
    coupon: Option<String>,
    /// The maturity, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    maturity: Option<String>,
}

const CONTRACT: Column = Column::required("contract");
const DELIVERY_MONTH: Column = Column::required("delivery_month").or(&["delivery_month_first_day"]);
const COUPON: Column = Column::required("coupon");
const MATURITY: Column = Column::required("maturity").or(&["maturity_date"]);

/// An issue and a contract.
struct FactorRow {
    contract: TreasuryContract,
    month: ContractMonth,
    coupon: Fixed8,
    maturity: Date,
}

#[derive(Clone, Debug, Serialize)]
struct Factor {
    #[serde(serialize_with = "answer::as_text")]
    contract: ProductCode,
    #[serde(serialize_with = "answer::as_text")]
    delivery_month: ContractMonth,
    coupon: f64,
    maturity: Date,
    factor: String,
}

/// Runs `crossmargin risk factor`.
///
/// # Errors
/// Every problem of the input.
pub(super) fn run(args: &FactorArgs) -> Result<(), Failure> {
    let FactorOptions { contract, delivery_month, coupon, maturity } = &args.options;
    let options = [(CONTRACT, contract), (DELIVERY_MONTH, delivery_month), (COUPON, coupon), (MATURITY, maturity)];
    answer::print(&args.io, &input::calculate(&args.io, &options, |row, _| factor(row))?)
}

fn factor(row: &FactorRow) -> Result<Factor, Wrong> {
    let FactorRow { contract, month, coupon, maturity } = row;
    let factor = conversion_factor(*coupon, *maturity, *month, contract.delivery.rounding)
        .ok_or_else(|| Wrong::new(MATURITY, format!("{maturity} is before the delivery month {month}")))?;
    Ok(Factor {
        contract: contract.product,
        delivery_month: *month,
        coupon: coupon.to_f64() / 100.0,
        maturity: *maturity,
        factor: quote::places(factor, 4),
    })
}

impl FromRow for FactorRow {
    const COLUMNS: &'static [Column] = &[CONTRACT, DELIVERY_MONTH, COUPON, MATURITY];

    fn from_row(row: &mut Row<'_>) -> Result<Self, Told> {
        let contract = row.required(CONTRACT, contract::treasury);
        let month = row.required(DELIVERY_MONTH, quote::month);
        let coupon = row.required(COUPON, quote::coupon_fraction);
        let maturity = row.required(MATURITY, quote::date);
        Ok(Self { contract: contract?, month: month?, coupon: coupon?, maturity: maturity? })
    }
}

impl Answer for Factor {
    const COLUMNS: &'static [&'static str] = &["contract", "delivery month", "coupon", "maturity", "factor"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.contract.to_string(),
            self.delivery_month.to_string(),
            self.coupon.to_string(),
            self.maturity.to_string(),
            self.factor.clone(),
        ]
    }
}
