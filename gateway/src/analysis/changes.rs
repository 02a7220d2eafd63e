//! Changes of positions as a caller gives them: each checked like a row of a submitted book, every problem told at once.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use crossmargin::v1::{ChangeKind, PositionChange};
use jiff::civil::Date;
use risk::{
    exposure::InstrumentFacts,
    instrument::{Contract, Cusip, Instrument},
    market::Market,
    revaluation::Revaluer,
};

use crate::{
    arrangement::{
        leg::{Leg, Pair},
        terms::Eligible,
    },
    book::Holding,
    compute::{Lent, LinkInputs, TrialMarket},
    market::reference::{after, check_face, check_remaining, check_size},
    problem::{Collector, Problems},
};

/// Changes in one call, at most.
pub(super) const CHANGES_MAX: usize = 10_000;

/// What may be tried: the market knows it and can value it, and the arrangement takes it.
pub(super) struct Admissible<'a> {
    trial: &'a TrialMarket,
    lent: &'a Lent,
    market: &'a Market,
    eligible: &'a Eligible,
    /// For instruments that are not lent to the caller.
    revaluer: OnceCell<Revaluer<'a>>,
}

/// The legs while changes are applied.
pub(super) struct Positions(Pair<BTreeMap<Instrument, i64>>);

impl<'a> Admissible<'a> {
    /// What may be tried in a market by a caller to whom some instruments are lent.
    pub(super) fn new(trial: &'a TrialMarket, lent: &'a Lent, eligible: &'a Eligible) -> Self {
        Self { trial, lent, market: &trial.situation().assembled.market, eligible, revaluer: OnceCell::new() }
    }

    /// Whether an instrument may be tried.
    pub(super) fn check(&self, instrument: &Instrument) -> Result<(), String> {
        self.check_eligible(instrument)?;
        if self.trial.lends(instrument, self.lent) {
            return Ok(());
        }
        let revaluer = self.revaluer.get_or_init(|| Revaluer::without_scenarios(self.market));
        InstrumentFacts::of(revaluer, *instrument).map(drop).map_err(|error| error.to_string())
    }

    /// Every future that may be tried, ascending.
    pub(super) fn futures(&self) -> Vec<Instrument> {
        let futures = self.market.futures().map(|(contract, _)| Instrument::Future(contract));
        futures.filter(|future| self.check(future).is_ok()).collect()
    }

    fn check_eligible(&self, instrument: &Instrument) -> Result<(), String> {
        let today = self.market.business_date();
        match instrument {
            Instrument::Treasury(cusip) => self.check_issue(*cusip, today),
            Instrument::ForwardTreasury { cusip, settle } => {
                after(*settle, today).and_then(|()| self.check_issue(*cusip, today))
            }
            Instrument::Cash { date } => after(*date, today),
            Instrument::Future(contract) => self.check_future(*contract, today),
        }
    }

    fn check_issue(&self, cusip: Cusip, today: Date) -> Result<(), String> {
        let priced = self.market.treasury(cusip).map(|treasury| &treasury.terms);
        let terms = priced.or_else(|| self.market.unpriced(cusip)).ok_or_else(|| {
            format!(
                "the market of {today} has no note or bond {cusip}: it is another kind, has matured, or has no terms"
            )
        })?;
        let months = i32::try_from(self.eligible.treasury_remaining_months_above).unwrap_or(i32::MAX);
        check_remaining(terms.issue().maturity, today, months)
    }

    fn check_future(&self, contract: Contract, today: Date) -> Result<(), String> {
        if self.eligible.futures.binary_search(&contract.product).is_err() {
            return Err(format!("product {} is not eligible under the arrangement", contract.product));
        }
        if self.market.future(contract).is_none() {
            return Err(format!(
                "the market of {today} has no settlement price for {contract}: check the contract month"
            ));
        }
        Ok(())
    }
}

impl Positions {
    /// The positions of a link.
    pub(super) fn of(inputs: Option<&LinkInputs>) -> Self {
        let of_leg = |leg: Leg| {
            let held = inputs.into_iter().flat_map(|inputs| inputs.holdings[leg].iter());
            held.map(|holding| (holding.instrument, holding.quantity)).collect()
        };
        Self(Pair::from_fn(of_leg))
    }

    /// Applies changes in their order.
    ///
    /// # Errors
    /// Every problem, by field: `changes[3].instrument`.
    pub(super) fn apply(
        &mut self,
        changes: &[PositionChange],
        admissible: &Admissible<'_>,
        prefix: &str,
    ) -> Result<(), Problems> {
        if changes.len() > CHANGES_MAX {
            let count = changes.len();
            return Err(Problems::one(
                format!("{prefix}changes"),
                format!("{count} were given, but a call may have at most {CHANGES_MAX}"),
            ));
        }
        let mut problems = Collector::default();
        let mut last_change = BTreeMap::new();
        for (place, change) in changes.iter().enumerate() {
            let field = |name: &str| format!("{prefix}changes[{place}].{name}");
            if let Some(instrument) = self.change(change, admissible, &field, &mut problems) {
                last_change.insert(instrument, place);
            }
        }
        // A sum of changes can leave the range that each of them keeps.
        for (instrument, place) in last_change {
            let Some(quantity) = self.leg_of(&instrument).get(&instrument) else { continue };
            problems.check(|| format!("{prefix}changes[{place}].quantity"), check_size(&instrument, *quantity));
        }
        problems.finish(())
    }

    /// Applies one change; the instrument, where nothing is wrong with it.
    fn change(
        &mut self,
        change: &PositionChange,
        admissible: &Admissible<'_>,
        field: &dyn Fn(&str) -> String,
        problems: &mut Collector,
    ) -> Option<Instrument> {
        let kind = problems.check(
            || field("kind"),
            ChangeKind::try_from(change.kind).map_err(|_| format!("{} is no kind of change", change.kind)),
        );
        let instrument = problems.check(|| field("instrument"), change.instrument.parse::<Instrument>())?;
        let kind = kind?;
        let leg = self.leg_of(&instrument);
        if kind == ChangeKind::Remove {
            if leg.remove(&instrument).is_none() {
                problems.add(field("instrument"), format!("{instrument} is not held: there is nothing to remove"));
            }
            return None;
        }
        problems.check(|| field("instrument"), admissible.check(&instrument))?;
        problems.check(|| field("quantity"), check_quantity(&instrument, change.quantity))?;
        let held = leg.entry(instrument).or_insert(0);
        *held = match kind {
            // Each change is within its bound, and so is what is held: at most 10,001 of them fit 64 bits.
            ChangeKind::Unspecified | ChangeKind::Add => held.saturating_add(change.quantity),
            ChangeKind::Replace | ChangeKind::Remove => change.quantity,
        };
        if *held == 0 {
            leg.remove(&instrument);
        }
        Some(instrument)
    }

    /// A future belongs to the futures leg, all else to the Treasury leg.
    fn leg_of(&mut self, instrument: &Instrument) -> &mut BTreeMap<Instrument, i64> {
        let leg = if matches!(instrument, Instrument::Future(_)) { Leg::Futures } else { Leg::Treasury };
        &mut self.0[leg]
    }

    /// The positions as a link's.
    pub(super) fn finish(&self) -> LinkInputs {
        let holdings = |leg: Leg| -> Arc<[Holding]> {
            self.0[leg].iter().map(|(&instrument, &quantity)| Holding { instrument, quantity }).collect()
        };
        LinkInputs { holdings: Pair::from_fn(holdings) }
    }
}

/// Whether a quantity of an instrument can be held.
pub(super) fn check_quantity(instrument: &Instrument, quantity: i64) -> Result<(), String> {
    check_size(instrument, quantity)?;
    match instrument {
        Instrument::Treasury(_) | Instrument::ForwardTreasury { .. } => check_face(quantity),
        Instrument::Cash { .. } | Instrument::Future(_) => Ok(()),
    }
}
