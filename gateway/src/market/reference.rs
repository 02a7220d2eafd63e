//! What may be held: the house's newest reference data and the arrangement's eligibility.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::civil::Date;
use risk::{
    date::add_months,
    futures::ContractSpecification,
    instrument::{Contract, Cusip, Instrument, ProductCode},
    model::ModelVersion,
};

use super::{
    Items, contracts,
    treasuries::{self, Issue, Issues},
};
use crate::{
    arrangement::{leg::Leg, name::AccountId, registry::Registry, terms::Arrangement},
    book::intake::Eligibility,
    problem::Collector,
};

/// Largest face or amount of one position: USD 1 trillion. Sums of all positions of a snapshot then fit 64 bits.
const QUANTITY_MAX: i64 = 1_000_000_000_000;
/// Most contracts of one position.
pub(crate) const CONTRACTS_MAX: i64 = 10_000_000;

/// The newest reference data of one house.
#[derive(Clone, Debug)]
pub struct Reference {
    leg: Leg,
    issues: Issues,
    specifications: BTreeMap<ProductCode, ContractSpecification>,
    priced: BTreeSet<Contract>,
    priced_issues: BTreeSet<Cusip>,
    /// What is eligible, and the models that a position without a price needs a margin proxy of.
    arrangement: Arc<Arrangement>,
    registry: Arc<Registry>,
}

impl Reference {
    /// The reference data of the house of `leg`, read from its newest items.
    #[must_use]
    pub fn new(leg: Leg, items: &Items, arrangement: Arc<Arrangement>, registry: Arc<Registry>) -> Self {
        // The items were checked when they were submitted: there is nothing new to report.
        let mut seen = Collector::default();
        let issues = items.issues.as_ref().map(|issues| treasuries::read_issues(issues, "", &mut seen));
        let specifications = items.contract_specifications.as_ref();
        let specifications = specifications.map(|s| contracts::read_specifications(s, "", &mut seen));
        let prices = items.contract_prices.as_ref().map(|prices| contracts::read_prices(prices, "", &mut seen));
        let issue_prices = items.issue_prices.as_ref().map(|p| treasuries::read_prices(p, "", &mut seen));
        Self {
            leg,
            issues: issues.unwrap_or_default(),
            specifications: specifications.into_iter().flatten().map(|s| (s.product, s)).collect(),
            priced: prices.into_iter().flatten().map(|(contract, _)| contract).collect(),
            priced_issues: issue_prices.into_iter().flatten().map(|(cusip, _)| cusip).collect(),
            arrangement,
            registry,
        }
    }

    fn check_treasury(&self, instrument: &Instrument, quantity: i64, business_date: Date) -> Result<(), String> {
        let (Instrument::Treasury(cusip) | Instrument::ForwardTreasury { cusip, .. }) = instrument else {
            return Ok(());
        };
        let terms = match self.issues.get(cusip) {
            None => return Err(format!("CUSIP {cusip} is not in the house's reference data; submit its terms first")),
            Some(Issue::Coupon(terms)) if terms.issue().maturity <= business_date => {
                return Err(format!("matured on {}", terms.issue().maturity));
            }
            Some(Issue::Other(kind)) => {
                let kind = kind.as_str_name().trim_start_matches("ISSUE_KIND_");
                return Err(format!("{kind} is not eligible: only Treasury notes and bonds are"));
            }
            Some(Issue::Coupon(terms)) => terms.issue(),
        };
        if !self.priced_issues.contains(cusip)
            && let Some(model) = self.model_without_proxy(business_date)
        {
            return Err(format!(
                "CUSIP {cusip} has no price here, and {model} has no margin proxy for it; submit its price first"
            ));
        }
        check_face(quantity)?;
        let months = self.arrangement.eligible.treasury_remaining_months_above;
        check_remaining(terms.maturity, business_date, i32::try_from(months).unwrap_or(i32::MAX))
    }

    /// Why an instrument that was eligible once does not count on a business date any more; `None` while it does. Prices are
    /// no question here: a position without one is told when margins are computed.
    #[must_use]
    pub fn lost(&self, instrument: &Instrument, business_date: Date) -> Option<String> {
        let checked = match instrument {
            Instrument::Treasury(cusip) => self.check_maturity(cusip, business_date),
            Instrument::ForwardTreasury { cusip, settle } => {
                after(*settle, business_date).and_then(|()| self.check_maturity(cusip, business_date))
            }
            Instrument::Cash { date } => after(*date, business_date),
            Instrument::Future(contract) => self
                .specifications
                .get(&contract.product)
                .map_or(Ok(()), |specification| check_expiry(specification, *contract, business_date)),
        };
        checked.err()
    }

    fn check_maturity(&self, cusip: &Cusip, business_date: Date) -> Result<(), String> {
        let Some(Issue::Coupon(terms)) = self.issues.get(cusip) else { return Ok(()) };
        let months = self.arrangement.eligible.treasury_remaining_months_above;
        check_remaining(terms.issue().maturity, business_date, i32::try_from(months).unwrap_or(i32::MAX))
    }

    /// Whether positions of an account are taken: the house has recorded it, as the account of a link or as a regular one.
    #[must_use]
    pub fn is_own_account(&self, account: &AccountId) -> bool {
        self.registry.is_own_account(self.leg, account)
    }

    /// A model in force that cannot margin a position without a price.
    fn model_without_proxy(&self, business_date: Date) -> Option<&ModelVersion> {
        let mut models = self.arrangement.models.iter().map(|(_, models)| models.in_force(business_date));
        models.find(|model| model.margin_proxy.is_none()).map(|model| &model.version)
    }

    fn check_future(&self, contract: Contract, business_date: Date) -> Result<(), String> {
        if !self.arrangement.eligible.futures.contains(&contract.product) {
            return Err(format!("product {} is not eligible under the arrangement", contract.product));
        }
        let Some(specification) = self.specifications.get(&contract.product) else {
            return Err(format!(
                "product {} is not in the house's reference data; submit its specification first",
                contract.product
            ));
        };
        check_expiry(specification, contract, business_date)?;
        if !self.priced.contains(&contract) {
            return Err(format!(
                "{contract} has no settlement price here; check the contract month, or submit its price first"
            ));
        }
        Ok(())
    }
}

impl Eligibility for Reference {
    fn check_account(&self, account: &AccountId) -> Result<(), String> {
        if self.is_own_account(account) {
            return Ok(());
        }
        Err(format!(
            "account {account} is in no link that this house has recorded, and no account of its own; record its link \
             first, or the account"
        ))
    }

    fn check(&self, instrument: &Instrument, quantity: i64, business_date: Date) -> Result<(), String> {
        check_size(instrument, quantity)?;
        match (self.leg, instrument) {
            (Leg::Treasury, Instrument::Treasury(_)) => self.check_treasury(instrument, quantity, business_date),
            (Leg::Treasury, Instrument::ForwardTreasury { settle, .. }) => {
                after(*settle, business_date)?;
                self.check_treasury(instrument, quantity, business_date)
            }
            (Leg::Treasury, Instrument::Cash { date }) => after(*date, business_date),
            (Leg::Futures, Instrument::Future(contract)) => self.check_future(*contract, business_date),
            (Leg::Treasury, Instrument::Future(_)) => Err("futures are held at the other house".into()),
            (Leg::Futures, _) => Err("Treasuries, repos and cash are held at the other house".into()),
        }
    }
}

/// Whether a quantity of an instrument can be: not zero, and within what sums of all positions allow.
pub(crate) fn check_size(instrument: &Instrument, quantity: i64) -> Result<(), String> {
    if quantity == 0 {
        return Err("the quantity is zero".into());
    }
    let bound = if matches!(instrument, Instrument::Future(_)) { CONTRACTS_MAX } else { QUANTITY_MAX };
    if quantity.unsigned_abs() > bound.unsigned_abs() {
        return Err(format!("{quantity} is out of range: at most {bound} long or short"));
    }
    Ok(())
}

/// Whether a face can be: Treasuries are held in multiples of USD 100.
pub(crate) fn check_face(face: i64) -> Result<(), String> {
    if face % 100 == 0 { Ok(()) } else { Err(format!("face {face} is not a multiple of USD 100")) }
}

/// Whether an issue has more than so many months to maturity.
pub(crate) fn check_remaining(maturity: Date, business_date: Date, months: i32) -> Result<(), String> {
    if maturity > add_months(business_date, months) {
        return Ok(());
    }
    Err(format!("not eligible: it matures on {maturity}, within {months} months of {business_date}"))
}

/// Whether a contract still trades on a date.
fn check_expiry(specification: &ContractSpecification, contract: Contract, business_date: Date) -> Result<(), String> {
    let last = specification.last_trading(contract.month);
    if last < business_date { Err(format!("expired: it last traded on {last}")) } else { Ok(()) }
}

/// Whether what settles on a date is still to come.
pub(crate) fn after(date: Date, business_date: Date) -> Result<(), String> {
    if date > business_date { Ok(()) } else { Err(format!("{date} is not after the business date {business_date}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arrangement::terms::DEFAULT_TOML, sample};

    /// The Treasury house's reference data of the sample under an arrangement, without the price of one issue.
    fn reference_without_price(arrangement: &str) -> (Reference, Instrument) {
        let mut items = Items::default();
        let sample = sample::market().into_items(Leg::Treasury);
        sample.into_iter().filter_map(|item| item.item).for_each(|item| items.insert(item));
        let holdings = sample::book::book(Leg::Treasury).unwrap();
        let held = holdings.positions().find_map(|(_, instrument, _)| match instrument {
            Instrument::Treasury(cusip) => Some(cusip),
            _ => None,
        });
        let cusip = held.unwrap();
        items.issue_prices.as_mut().unwrap().prices.retain(|price| price.cusip != cusip.to_string());
        let arrangement = Arc::new(Arrangement::from_toml(arrangement).unwrap());
        let registry = Arc::new(Registry::new(Arc::clone(&arrangement.programme)));
        (Reference::new(Leg::Treasury, &items, arrangement, registry), Instrument::Treasury(cusip))
    }

    #[test]
    fn a_position_loses_its_eligibility_by_maturity_expiry_and_payment() {
        let reference = |leg: Leg| {
            let mut items = Items::default();
            sample::market()
                .into_items(leg)
                .into_iter()
                .filter_map(|item| item.item)
                .for_each(|item| items.insert(item));
            let arrangement = Arc::new(Arrangement::default());
            let registry = Arc::new(Registry::new(Arc::clone(&arrangement.programme)));
            Reference::new(leg, &items, arrangement, registry)
        };
        let (treasury, futures) = (reference(Leg::Treasury), reference(Leg::Futures));
        let (cusip, maturity) = treasury
            .issues
            .iter()
            .find_map(|(cusip, issue)| match issue {
                Issue::Coupon(terms) => Some((*cusip, terms.issue().maturity)),
                Issue::Other(_) => None,
            })
            .unwrap();
        let (last, first_out) = (add_months(maturity, -12).yesterday().unwrap(), add_months(maturity, -12));
        let note = Instrument::Treasury(cusip);
        assert_eq!(treasury.lost(&note, last), None);
        assert!(treasury.lost(&note, first_out).unwrap().contains("within 12 months"));
        let forward = Instrument::ForwardTreasury { cusip, settle: last };
        assert_eq!(treasury.lost(&forward, last.yesterday().unwrap()), None);
        assert!(treasury.lost(&forward, last).unwrap().contains("is not after"));
        let cash = Instrument::Cash { date: last };
        assert_eq!(treasury.lost(&cash, last.yesterday().unwrap()), None);
        assert!(treasury.lost(&cash, last).is_some());
        let contract = "FUT:ZN:2026-03".parse::<Instrument>().unwrap();
        assert_eq!(futures.lost(&contract, sample::BUSINESS_DATE), None);
        assert!(futures.lost(&contract, jiff::civil::date(2026, 4, 1)).unwrap().starts_with("expired"));
        // What has no terms here is not judged: margins tell that they are missing.
        assert_eq!(treasury.lost(&contract, jiff::civil::date(2026, 4, 1)), None);
    }

    #[test]
    fn an_issue_without_a_price_may_be_held_where_both_models_have_a_margin_proxy() {
        let (reference, instrument) = reference_without_price(DEFAULT_TOML);
        assert_eq!(reference.check_treasury(&instrument, 100_000, sample::BUSINESS_DATE), Ok(()));
        let uneven = reference.check_treasury(&instrument, 50, sample::BUSINESS_DATE).unwrap_err();
        assert!(uneven.contains("multiple"), "{uneven}");
    }

    #[test]
    fn an_issue_without_a_price_is_refused_where_a_model_has_no_margin_proxy() {
        for house in ["treasury-house", "futures-house"] {
            let older = DEFAULT_TOML.replace(&format!("\"{house}/2\""), &format!("\"{house}/1\""));
            let (reference, instrument) = reference_without_price(&older);
            let told = reference.check_treasury(&instrument, 100_000, sample::BUSINESS_DATE).unwrap_err();
            assert!(told.contains("no price here") && told.contains(&format!("{house}/1")), "{told}");
        }
    }
}
