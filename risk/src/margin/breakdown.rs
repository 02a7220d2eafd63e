//! A core margin taken apart: components, terms, floor, proxy and charges, and which of them binds.

use super::{LinkPositions, MarginError, PreparedModel, prepared::LinkHoldings};
use crate::{
    charge::Holding,
    kernel::{AccountTails, Legs, Position, Tail},
    measure::value_at_risk,
    money::Usd,
};

/// Which portfolio of a link is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The first house's leg alone.
    First,
    /// The second house's leg alone.
    Second,
    /// Both legs as one portfolio.
    Both,
}

/// How a core margin comes about. All amounts in 1e-8 USD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreBreakdown {
    /// The components in the model's order.
    pub components: Vec<ComponentAmount>,
    /// The floor by maturity group; zero where the model has none.
    pub maturity_floor: Usd,
    /// The margin of positions without a price.
    pub margin_proxy: Usd,
    /// The charges inside the core, in the model's order.
    pub core_charges: Vec<ChargeAmount>,
    /// What the largest of components and floor is.
    pub binding: Binding,
    /// The core margin. Of both legs: before it is clamped to the sum of the two alone.
    pub core: Usd,
}

/// A component and its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentAmount {
    /// The component.
    pub name: String,
    /// Its terms by name, weighted, in the model's order.
    pub terms: Vec<(String, Usd)>,
    /// Their sum.
    pub sum: Usd,
}

/// A charge and its amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeAmount {
    /// The charge.
    pub name: String,
    /// Its amount.
    pub amount: Usd,
}

/// What a core margin rests on before proxy and core charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The component at this place of the model.
    Component(usize),
    /// The floor by maturity group.
    MaturityFloor,
    /// Nothing: no component and no floor is above zero.
    Nothing,
}

/// The tails of one term of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermTails {
    /// The component's place in the model.
    pub component: usize,
    /// The term's name.
    pub term: String,
    /// The worst scenarios of each leg and of both.
    pub tails: AccountTails,
}

impl AccountTails {
    /// The tail of a part.
    #[must_use]
    pub fn part(&self, part: Part) -> &Tail {
        match part {
            Part::First => &self.first,
            Part::Second => &self.second,
            Part::Both => &self.both,
        }
    }
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Both];
}

impl LinkPositions {
    /// The positions of a part, the first leg's first.
    #[must_use]
    pub fn part(&self, part: Part) -> Vec<Position> {
        let Legs { first, second } = self.legs();
        match part {
            Part::First => first.to_vec(),
            Part::Second => second.to_vec(),
            Part::Both => [first, second].concat(),
        }
    }
}

impl LinkHoldings<'_> {
    fn part(&self, part: Part) -> &[Holding<'_>] {
        match part {
            Part::First => self.first(),
            Part::Second => self.second(),
            Part::Both => self.both(),
        }
    }
}

impl PreparedModel {
    /// The tails behind a link's margins, one for each term of the model in its order: which scenarios were the worst,
    /// and what they cost.
    ///
    /// # Errors
    /// As [`Self::margins`].
    pub fn tails(&self, link: &LinkPositions) -> Result<Vec<TermTails>, MarginError> {
        let mut tails = Vec::new();
        for (place, component) in self.components.iter().enumerate() {
            for term in &component.terms {
                let of_link = term.matrix.tails(self.level, term.tail_count, &[link.legs()])?;
                let named = |tails| TermTails { component: place, term: term.name.clone(), tails };
                tails.extend(of_link.into_iter().map(named));
            }
        }
        Ok(tails)
    }

    /// How the core margin of a part of a link comes about, from the tails of [`Self::tails`].
    ///
    /// # Errors
    /// As [`Self::margins`].
    pub fn breakdown(
        &self,
        link: &LinkPositions,
        tails: &[TermTails],
        part: Part,
    ) -> Result<CoreBreakdown, MarginError> {
        let holdings = self.holdings(link)?;
        let holdings = holdings.part(part);
        let mut of_terms = tails.iter();
        let mut components = Vec::with_capacity(self.components.len());
        for component in &self.components {
            let terms: Vec<(String, Usd)> = (component.terms.iter().zip(of_terms.by_ref()))
                .map(|(term, found)| {
                    let measure = value_at_risk(found.tails.part(part)).units();
                    (term.name.clone(), term.weighted(measure))
                })
                .collect();
            let sum = terms.iter().map(|(_, amount)| *amount).sum();
            components.push(ComponentAmount { name: component.name.clone(), terms, sum });
        }
        let maturity_floor = self.maturity_floor(holdings)?;
        let mut binding = (Binding::Nothing, Usd::ZERO);
        for (place, component) in components.iter().enumerate() {
            if component.sum > binding.1 {
                binding = (Binding::Component(place), component.sum);
            }
        }
        if maturity_floor > binding.1 {
            binding = (Binding::MaturityFloor, maturity_floor);
        }
        let margin_proxy = self.proxy(holdings)?;
        let core_charges = self.amounts(holdings, true)?;
        let charged: Usd = core_charges.iter().map(|charge| charge.amount).sum();
        Ok(CoreBreakdown {
            components,
            maturity_floor,
            margin_proxy,
            core_charges,
            binding: binding.0,
            core: binding.1.saturating_add(margin_proxy).saturating_add(charged),
        })
    }

    /// The charges outside the core on a part of a link, one by one in the model's order; a charge that follows from
    /// the past is nothing here.
    ///
    /// # Errors
    /// As [`Self::margins`].
    pub fn outside_charges(&self, link: &LinkPositions, part: Part) -> Result<Vec<ChargeAmount>, MarginError> {
        self.amounts(self.holdings(link)?.part(part), false)
    }

    fn amounts(&self, holdings: &[Holding<'_>], is_core: bool) -> Result<Vec<ChargeAmount>, MarginError> {
        let charges = self.charges.iter().filter(|charge| charge.is_core == is_core);
        charges.map(|charge| Ok(ChargeAmount { name: charge.name.clone(), amount: charge.amount(holdings)? })).collect()
    }
}
