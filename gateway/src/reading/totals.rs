//! The totals of a member: sums of the requirements of single links, and nothing else.
//!
//! A total is made from requirements alone, each of which follows from its own link's positions. There is no way to make
//! one from positions or margins, so nothing can be netted in it: neither one customer against another, nor a customer
//! against the house.

use std::collections::BTreeMap;

use crossmargin::v1::{self, RequirementStatus};

use super::{
    ReadError, Reader, Visibility,
    amounts::{Amounts, LegAmounts, usd},
    selected::Selected,
};
use crate::arrangement::{
    cycle_id::{CycleId, Round},
    leg::{Leg, Pair},
    link::{LinkKind, LinkTerms},
    name::{MemberId, OwnerId},
};

/// What a reader is told beside every total.
const NOTE: &str = "Every amount is the sum of requirements of single accounts. Customers are margined gross: no position of \
                    one offsets another's, the house's or an affiliate's; each affiliate is margined separately.";

/// What both houses require of one link.
#[derive(Clone, Debug)]
pub(super) struct LinkRequirement {
    pub(super) kind: LinkKind,
    pub(super) owner: OwnerId,
    pub(super) status: RequirementStatus,
    pub(super) amounts: Amounts,
}

/// A sum of requirements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Total {
    link_count: u64,
    houses: Pair<HouseTotal>,
    statuses: BTreeMap<RequirementStatus, u64>,
}

/// A sum of one house's requirements, in US cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HouseTotal {
    /// Links of which the house's amounts are not known here: then no sum is known either.
    unknown_count: u64,
    standalone: i128,
    requirement: i128,
    charges: i128,
}

/// The sum of the requirements of customers, gross.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CustomerTotal(Total);

/// The totals of a member's accounts in a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct MemberTotals {
    house: Total,
    each_affiliate: BTreeMap<OwnerId, Total>,
    affiliates: Total,
    customers: CustomerTotal,
}

impl Total {
    fn of<'a>(requirements: impl IntoIterator<Item = &'a LinkRequirement>) -> Self {
        let mut total = Self::default();
        for requirement in requirements {
            total.link_count += 1;
            *total.statuses.entry(requirement.status).or_insert(0) += 1;
            for leg in Leg::BOTH {
                total.houses[leg].add(requirement.amounts[leg]);
            }
        }
        total
    }

    fn to_wire(&self) -> v1::RequirementTotal {
        let statuses = self.statuses.iter();
        v1::RequirementTotal {
            link_count: self.link_count,
            treasury: Some(self.houses.treasury.to_wire()),
            futures: Some(self.houses.futures.to_wire()),
            statuses: statuses
                .map(|(status, count)| v1::StatusCount { status: (*status).into(), count: *count })
                .collect(),
        }
    }
}

impl HouseTotal {
    fn add(&mut self, amounts: Option<LegAmounts>) {
        match amounts {
            None => self.unknown_count += 1,
            // Sums of some million amounts of 64 bits stay far within 128.
            Some(LegAmounts { standalone, requirement, charges }) => {
                self.standalone += i128::from(standalone);
                self.requirement += i128::from(requirement);
                self.charges += i128::from(charges);
            }
        }
    }

    fn to_wire(self) -> v1::HouseTotal {
        let Self { unknown_count, standalone, requirement, charges } = self;
        let text = |cents: i128| if unknown_count == 0 { usd(cents) } else { String::new() };
        v1::HouseTotal {
            standalone: text(standalone),
            requirement: text(requirement),
            charges: text(charges),
            total: text(requirement + charges),
            saved: text(standalone - requirement),
            unknown_count,
        }
    }
}

impl CustomerTotal {
    fn of<'a>(requirements: impl IntoIterator<Item = &'a LinkRequirement>) -> Self {
        Self(Total::of(requirements.into_iter().filter(|requirement| requirement.kind == LinkKind::Customer)))
    }
}

impl MemberTotals {
    fn of(requirements: &[LinkRequirement]) -> Self {
        let of_kind = |kind| requirements.iter().filter(move |requirement| requirement.kind == kind);
        let mut affiliates: BTreeMap<OwnerId, Vec<&LinkRequirement>> = BTreeMap::new();
        for requirement in of_kind(LinkKind::Affiliate) {
            affiliates.entry(requirement.owner.clone()).or_default().push(requirement);
        }
        Self {
            house: Total::of(of_kind(LinkKind::House)),
            each_affiliate: affiliates.into_iter().map(|(owner, each)| (owner, Total::of(each))).collect(),
            affiliates: Total::of(of_kind(LinkKind::Affiliate)),
            customers: CustomerTotal::of(requirements),
        }
    }
}

impl Reader {
    /// The totals of a member that the caller may see, in a round of a cycle, or in the newest that charges.
    ///
    /// # Errors
    /// There is no such member for the caller, this house knows no such cycle or round, or what is stored cannot be read.
    pub(crate) fn totals_of(
        &self,
        member: &MemberId,
        place: Option<(CycleId, Option<Round>)>,
        visibility: &Visibility,
    ) -> Result<v1::MemberTotals, ReadError> {
        let is_theirs = |terms: &LinkTerms| terms.member == *member;
        let registry = std::sync::Arc::clone(&self.context.catalog.read().registry);
        if !visibility.shows_member(member) || !registry.is_member(member) {
            let reason = format!("there is no member {member}: see `crossmargin programme members`");
            return Err(ReadError::NotFound(reason));
        }
        let selected = match place {
            Some((cycle, round)) => self.select(cycle, round)?,
            None => self.newest()?,
        };
        let links = selected.links(None, visibility).filter(|terms| is_theirs(terms));
        let requirements: Vec<LinkRequirement> = links.map(|terms| selected.link_requirement(terms)).collect();
        Ok(to_wire(&MemberTotals::of(&requirements), member, &selected))
    }
}

fn to_wire(totals: &MemberTotals, member: &MemberId, selected: &Selected) -> v1::MemberTotals {
    let each = totals.each_affiliate.iter();
    v1::MemberTotals {
        cycle: selected.cycle_to_wire(),
        round: selected.round().map_or(0, |round| round.0),
        member: member.to_string(),
        house: Some(totals.house.to_wire()),
        affiliates: Some(totals.affiliates.to_wire()),
        each_affiliate: each
            .map(|(owner, total)| v1::OwnerTotal { owner: owner.to_string(), total: Some(total.to_wire()) })
            .collect(),
        customers: Some(totals.customers.0.to_wire()),
        note: NOTE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(kind: LinkKind, owner: &str, status: RequirementStatus, amounts: Amounts) -> LinkRequirement {
        LinkRequirement { kind, owner: owner.parse().unwrap(), status, amounts }
    }

    fn amounts(standalone: i64, requirement: i64, charges: i64) -> Option<LegAmounts> {
        Some(LegAmounts { standalone, requirement, charges })
    }

    #[test]
    fn the_house_each_affiliate_and_all_customers_are_summed_apart() {
        use RequirementStatus as S;
        let both = |standalone, requirement, charges| {
            let amounts = amounts(standalone, requirement, charges);
            Pair { treasury: amounts, futures: amounts }
        };
        let totals = MemberTotals::of(&[
            link(LinkKind::House, "BD1", S::Agreed, both(1_000, 600, 1)),
            link(LinkKind::Affiliate, "AF1", S::Agreed, both(200, 150, 2)),
            link(LinkKind::Affiliate, "AF2", S::Break, both(300, 300, 3)),
            link(LinkKind::Affiliate, "AF1", S::Agreed, both(400, 350, 4)),
            link(LinkKind::Customer, "C1", S::Rehearsal, both(50, 50, 5)),
            link(LinkKind::Customer, "C2", S::Rehearsal, both(70, 70, 6)),
        ]);
        let wire = |total: &Total| {
            let total = total.to_wire();
            let house = total.treasury.unwrap();
            assert_eq!(total.futures.as_ref(), Some(&house));
            (total.link_count, [house.standalone, house.requirement, house.charges, house.total, house.saved])
        };
        let texts = |texts: [&str; 5]| texts.map(str::to_owned);
        assert_eq!(wire(&totals.house), (1, texts(["10.00", "6.00", "0.01", "6.01", "4.00"])));
        assert_eq!(wire(&totals.affiliates), (3, texts(["9.00", "8.00", "0.09", "8.09", "1.00"])));
        let each: Vec<_> = totals.each_affiliate.iter().map(|(owner, total)| (owner.as_str(), wire(total))).collect();
        assert_eq!(each[0], ("AF1", (2, texts(["6.00", "5.00", "0.06", "5.06", "1.00"]))));
        assert_eq!(each[1], ("AF2", (1, texts(["3.00", "3.00", "0.03", "3.03", "0.00"]))));
        assert_eq!(wire(&totals.customers.0), (2, texts(["1.20", "1.20", "0.11", "1.31", "0.00"])));
        let statuses: Vec<_> = totals.affiliates.statuses.iter().map(|(status, count)| (*status, *count)).collect();
        assert_eq!(statuses, [(S::Agreed, 2), (S::Break, 1)]);
    }

    #[test]
    fn a_sum_with_a_part_that_is_not_known_is_not_known_and_says_how_many() {
        let known = Pair { treasury: amounts(100, 80, 1), futures: amounts(100, 80, 1) };
        let partly = Pair { futures: None, ..known };
        let customer = |amounts| link(LinkKind::Customer, "C1", RequirementStatus::FallenBack, amounts);
        let total = CustomerTotal::of(&[customer(known), customer(partly)]).0.to_wire();
        let (treasury, futures) = (total.treasury.unwrap(), total.futures.unwrap());
        assert_eq!((treasury.total.as_str(), treasury.unknown_count), ("1.62", 0));
        assert_eq!((futures.total.as_str(), futures.saved.as_str(), futures.unknown_count), ("", "", 1));
        let nothing = Total::of([]).to_wire().treasury.unwrap();
        assert_eq!((nothing.total.as_str(), nothing.unknown_count), ("0.00", 0), "nobody requires nothing");
    }

    proptest! {
        #[test]
        fn what_customers_require_is_the_sum_of_each_ones_requirement_whatever_the_others_have(
            rows in prop::collection::vec((0..3_u8, any::<u32>(), any::<u32>(), any::<u32>()), 0..30),
        ) {
            let kinds = [LinkKind::House, LinkKind::Affiliate, LinkKind::Customer];
            let requirements: Vec<_> = rows
                .iter()
                .map(|(kind, standalone, requirement, charges)| {
                    let amounts = amounts((*standalone).into(), (*requirement).into(), (*charges).into());
                    let amounts = Pair { treasury: amounts, futures: amounts };
                    link(kinds[usize::from(*kind)], "X1", RequirementStatus::Agreed, amounts)
                })
                .collect();
            let total = CustomerTotal::of(&requirements);
            let customers: Vec<_> = requirements.iter().filter(|one| one.kind == LinkKind::Customer).collect();
            let sum: i128 = customers.iter().map(|one| i128::from(one.amounts.futures.unwrap().total())).sum();
            let house = total.0.houses.futures;
            prop_assert_eq!(house.requirement + house.charges, sum);
            // Without everybody else it is the same.
            prop_assert_eq!(&total, &CustomerTotal::of(customers.iter().copied()));
            // And it is the sum over any division of them.
            let cut = customers.len() / 2;
            let parts = [&customers[..cut], &customers[cut..]].map(|part| CustomerTotal::of(part.iter().copied()).0);
            prop_assert_eq!(
                house.requirement,
                parts.iter().map(|part| part.houses.futures.requirement).sum::<i128>()
            );
        }
    }
}
