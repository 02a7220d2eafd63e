//! Rates by remaining maturity.

use serde::{Deserialize, Serialize};

use super::{ChargeError, Holding};
use crate::money::Usd;

/// A rate from a remaining maturity on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaturityRate {
    /// It holds from so many whole months to maturity on, up to the next rate's.
    pub from_months: u32,
    /// The rate in millionths.
    pub rate_e6: u32,
}

/// Rates by remaining maturity: ascending, the first from 0 months on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<MaturityRate>", into = "Vec<MaturityRate>")]
pub struct MaturityRates(Vec<MaturityRate>);

/// Rates that do not cover every maturity once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rates by maturity must begin at 0 months and ascend, each at most 1,000,000 millionths")]
pub struct MaturityRatesError;

/// Millionths of the whole.
pub(super) const WHOLE_E6: u32 = 1_000_000;

impl MaturityRates {
    /// Rates by maturity.
    ///
    /// # Errors
    /// They do not begin at 0 months, do not ascend, or exceed the whole.
    pub fn new(rates: Vec<MaturityRate>) -> Result<Self, MaturityRatesError> {
        let ascend = rates.windows(2).all(|pair| pair[0].from_months < pair[1].from_months);
        let begins = rates.first().is_some_and(|rate| rate.from_months == 0);
        let within = rates.iter().all(|rate| rate.rate_e6 <= WHOLE_E6);
        if ascend && begins && within { Ok(Self(rates)) } else { Err(MaturityRatesError) }
    }

    /// The group of a remaining maturity, counted from 0.
    #[must_use]
    pub fn group(&self, remaining_months: u32) -> usize {
        group(&self.0, |rate| rate.from_months, remaining_months)
    }

    /// The rate at a remaining maturity, in millionths.
    #[must_use]
    pub fn rate_e6(&self, remaining_months: u32) -> u32 {
        self.0[self.group(remaining_months)].rate_e6
    }

    /// The rates, ascending.
    #[must_use]
    pub fn rates(&self) -> &[MaturityRate] {
        &self.0
    }

    /// The sum over groups of the rate times the magnitude of the group's net market value: longs and shorts of one
    /// group offset, groups do not. The form of FICC GSD's VaR floor. Cash has no maturity group and does not count, and neither does what
    /// is margined by proxy, which nothing offsets.
    ///
    /// # Errors
    /// [`ChargeError`].
    pub fn on_net_value(&self, holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
        let mut net = vec![0i128; self.0.len()];
        for holding in holdings.iter().filter(|holding| holding.is_netted()) {
            let group = &mut net[self.group(holding.facts.remaining_months)];
            *group = group.checked_add(holding.value()?).ok_or(ChargeError)?;
        }
        let charged = net.iter().zip(&self.0).map(|(net, rate)| share(net.unsigned_abs(), rate.rate_e6));
        charged.sum::<Option<i128>>().map(Usd::from_units).ok_or(ChargeError)
    }

    /// The sum over positions of the rate times the magnitude of the market value, nothing netted; of those that
    /// `counts` holds for.
    ///
    /// # Errors
    /// [`ChargeError`].
    pub fn on_gross_value(
        &self,
        holdings: &[Holding<'_>],
        counts: impl Fn(&Holding<'_>) -> bool,
    ) -> Result<Usd, ChargeError> {
        let mut sum = 0i128;
        for holding in holdings.iter().filter(|holding| counts(holding)) {
            let rate = self.rate_e6(holding.facts.remaining_months);
            let charged = share(holding.value()?.unsigned_abs(), rate).ok_or(ChargeError)?;
            sum = sum.checked_add(charged).ok_or(ChargeError)?;
        }
        Ok(Usd::from_units(sum))
    }
}

/// A share of an amount in millionths, rounded up.
fn share(amount: u128, rate_e6: u32) -> Option<i128> {
    i128::try_from(amount.checked_mul(u128::from(rate_e6))?.div_ceil(u128::from(WHOLE_E6))).ok()
}

/// The last group that begins at or below a maturity. The first begins at 0.
pub(super) fn group<T>(groups: &[T], from_months: impl Fn(&T) -> u32, remaining_months: u32) -> usize {
    groups.partition_point(|group| from_months(group) <= remaining_months).saturating_sub(1)
}

impl TryFrom<Vec<MaturityRate>> for MaturityRates {
    type Error = MaturityRatesError;

    fn try_from(rates: Vec<MaturityRate>) -> Result<Self, Self::Error> {
        Self::new(rates)
    }
}

impl From<MaturityRates> for Vec<MaturityRate> {
    fn from(rates: MaturityRates) -> Self {
        rates.0
    }
}
