//! What can be wrong with a market, each with the name of the item.

use std::fmt;

use jiff::civil::Date;

use crate::{
    fixed::Fixed8,
    fixings::{MissingFixing, OvernightRate},
    instrument::{Contract, Cusip, ProductCode},
    scenario::Tenor,
    treasury::PriceError,
};

/// Everything that is wrong with a market; never empty.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct MarketProblems(pub Vec<MarketProblem>);

/// One thing that is wrong with a market.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MarketProblem {
    /// The business date is a weekend or a holiday.
    #[error("business date {0} is not a US government bond business day")]
    BusinessDate(Date),
    /// An issue is given twice.
    #[error("Treasury {0} is given twice")]
    TreasuryTwice(Cusip),
    /// A price is not between 0 and 1,000 per 100.
    #[error("Treasury {cusip}: price {price} is not between 0 and 1000 per 100")]
    TreasuryPrice {
        /// The issue.
        cusip: Cusip,
        /// Its price.
        price: Fixed8,
    },
    /// An issue has matured, or no yield gives its price.
    #[error("Treasury {cusip}: {reason}")]
    TreasuryValue {
        /// The issue.
        cusip: Cusip,
        /// Why it has no yield.
        reason: PriceError,
    },
    /// An issue is given with a price and as one without.
    #[error("Treasury {0} is given with a price and as unpriced")]
    UnpricedHasPrice(Cusip),
    /// An issue without a price has matured by the settlement date.
    #[error("Treasury {cusip} is unpriced, but matures on {maturity}, by settlement on {settlement}")]
    UnpricedMatured {
        /// The issue.
        cusip: Cusip,
        /// Its maturity.
        maturity: Date,
        /// The settlement date.
        settlement: Date,
    },
    /// The curve has fewer than two tenors.
    #[error("the par curve has {0} tenors: at least two are needed")]
    CurveLength(usize),
    /// A tenor is given twice, or is zero.
    #[error("par curve tenor {} months is given twice or is zero", .0.0)]
    CurveTenor(Tenor),
    /// A tenor has no yield.
    #[error("par curve tenor {} months has no yield", .0.0)]
    CurveGap(Tenor),
    /// A yield is not between -20 and +100 per cent.
    #[error("par curve tenor {} months: yield {value} is not between -20 and 100 per cent", tenor.0)]
    CurveYield {
        /// The tenor.
        tenor: Tenor,
        /// Its yield.
        value: Fixed8,
    },
    /// A fixing is later than the business date.
    #[error("{rate} fixing of {day} is after the business date")]
    FixingDay {
        /// The rate.
        rate: OvernightRate,
        /// The day of the fixing.
        day: Date,
    },
    /// A day has two fixings.
    #[error("{rate} fixing of {day} is given twice")]
    FixingTwice {
        /// The rate.
        rate: OvernightRate,
        /// The day of the fixing.
        day: Date,
    },
    /// A fixing is not between -20 and +100 per cent.
    #[error("{rate} fixing of {day}: {value} is not between -20 and 100 per cent")]
    FixingValue {
        /// The rate.
        rate: OvernightRate,
        /// The day of the fixing.
        day: Date,
        /// The fixing.
        value: Fixed8,
    },
    /// A fixing that valuing needs is missing.
    #[error("{0}: it is needed for the overnight rate or for a rate future's elapsed days")]
    FixingMissing(#[from] MissingFixing),
    /// A specification is given twice for one product and date.
    #[error("specification of {product} effective {effective_from} is given twice")]
    SpecificationTwice {
        /// The product.
        product: ProductCode,
        /// Its date.
        effective_from: Date,
    },
    /// A specification has no value of a point.
    #[error("specification of {0} gives a point no value")]
    SpecificationValue(ProductCode),
    /// A contract is priced whose product has no specification in force.
    #[error("{0} has a price, but no specification of its product is in force")]
    ContractUnknown(Contract),
    /// A contract is priced twice.
    #[error("{0} has two prices")]
    ContractTwice(Contract),
    /// A contract is priced after its last trading day.
    #[error("{contract} has a price, but stopped trading on {last_trading}")]
    ContractExpired {
        /// The contract.
        contract: Contract,
        /// Its last trading day.
        last_trading: Date,
    },
    /// A price is not between 0 and 1,000 points.
    #[error("{contract}: price {price} is not between 0 and 1000 points")]
    ContractPrice {
        /// The contract.
        contract: Contract,
        /// Its price.
        price: Fixed8,
    },
    /// A Treasury future has no deliverable issue.
    #[error("{0} has no deliverable issue in its basket")]
    BasketEmpty(Contract),
    /// A contract has two baskets.
    #[error("{0} has two baskets")]
    BasketTwice(Contract),
    /// A basket belongs to no priced Treasury future.
    #[error("basket of {0} belongs to no priced Treasury future")]
    BasketOrphan(Contract),
    /// A basket names an issue twice.
    #[error("basket of {contract} names {cusip} twice")]
    DeliverableTwice {
        /// The contract.
        contract: Contract,
        /// The issue.
        cusip: Cusip,
    },
    /// A basket names an issue that the market does not know.
    #[error("basket of {contract} names {cusip}, which has no terms")]
    DeliverableUnknown {
        /// The contract.
        contract: Contract,
        /// The issue.
        cusip: Cusip,
    },
    /// A basket names an issue outside the contract's deliverable grade.
    #[error("basket of {contract} names {cusip}, which is outside the deliverable grade")]
    DeliverableGrade {
        /// The contract.
        contract: Contract,
        /// The issue.
        cusip: Cusip,
    },
}

impl fmt::Display for MarketProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
