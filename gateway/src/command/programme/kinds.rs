//! Names of the programme as commands and files write them: `customer`, `house-agreement`, `sec-order`.

use clap::ValueEnum;
use crossmargin::v1;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident of $wire:ident { $($(#[$of:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl From<$name> for v1::$wire {
            fn from(name: $name) -> Self {
                match name {
                    $($name::$variant => Self::$variant),+
                }
            }
        }
    };
}

names! {
    /// Whose positions a link pairs.
    LinkKindName of LinkKind {
        /// The member's own.
        House,
        /// An eligible affiliate's.
        Affiliate,
        /// One customer's.
        Customer,
    }
}
names! {
    /// Where a link stands.
    StageName of LinkStage {
        /// Recorded at one house, or without all documents.
        Proposed,
        /// Recorded at both houses with all documents.
        Documented,
        /// In every cycle, marked as rehearsal.
        Rehearsing,
        /// Its agreed reduction is charged.
        Live,
        /// Suspended, or not eligible.
        Suspended,
        /// Positions leave it.
        Closing,
        /// Over.
        Closed,
    }
}
names! {
    /// How far a house lets a link go.
    StepName of LinkStage {
        /// It takes part in every cycle, as a rehearsal; from live it is a step back.
        Rehearsing,
        /// Its agreed reduction is charged, once both houses consent and its approvals count.
        Live,
        /// Positions leave it and none enter.
        Closing,
        /// It is over; a proposal is withdrawn so.
        Closed,
    }
}
names! {
    /// What a document is about.
    DocumentName of DocumentKind {
        /// The member's cross-margining agreement with the house.
        HouseAgreement,
        /// The affiliate's agreement and the member's guarantee.
        AffiliateAgreement,
        /// The customer's agreement to cross-margining.
        CustomerAgreement,
        /// The customer's non-conforming subordination agreement.
        SubordinationAgreement,
        /// The customer's acknowledgement of the disclosure document.
        DisclosureAcknowledgement,
    }
}
names! {
    /// What a regulator or a house approves.
    ApprovalName of ApprovalKind {
        /// An order of the Securities and Exchange Commission.
        SecOrder,
        /// An order of the Commodity Futures Trading Commission.
        CftcOrder,
        /// The rule filing of the house that carries the Treasury leg.
        TreasuryHouseRule,
        /// The rule filing of the house that carries the futures leg.
        FuturesHouseRule,
    }
}
names! {
    /// What an account is for.
    UseName of AccountUse {
        /// Its positions take no part in cross-margining.
        Regular,
        /// Every eligible position in it counts.
        CrossMargin,
    }
}

/// The kinds of links of an approval as the contract wants them: ascending, each once.
#[must_use]
pub fn ascending(mut kinds: Vec<LinkKindName>) -> Vec<i32> {
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(|kind| v1::LinkKind::from(kind).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<T: ValueEnum>() -> Vec<String> {
        T::value_variants().iter().filter_map(T::to_possible_value).map(|value| value.get_name().to_owned()).collect()
    }

    #[test]
    fn names_are_those_of_the_contract_in_small_letters() {
        assert_eq!(names::<StepName>(), ["rehearsing", "live", "closing", "closed"]);
        assert_eq!(names::<UseName>(), ["regular", "cross-margin"]);
        for (name, kind) in names::<DocumentName>().iter().zip(DocumentName::value_variants()) {
            let contract = v1::DocumentKind::from(*kind).as_str_name().to_ascii_lowercase().replace('_', "-");
            assert_eq!(contract, format!("document-kind-{name}"));
        }
        for (name, kind) in names::<ApprovalName>().iter().zip(ApprovalName::value_variants()) {
            let contract = v1::ApprovalKind::from(*kind).as_str_name().to_ascii_lowercase().replace('_', "-");
            assert_eq!(contract, format!("approval-kind-{name}"));
        }
    }

    #[test]
    fn every_kind_of_the_contract_has_a_name() {
        // The contract's unspecified value is the first of each, and has none.
        let count = |of: fn(i32) -> bool| (1..).take_while(|wire| of(*wire)).count();
        assert_eq!(count(|wire| v1::DocumentKind::try_from(wire).is_ok()), DocumentName::value_variants().len());
        assert_eq!(count(|wire| v1::ApprovalKind::try_from(wire).is_ok()), ApprovalName::value_variants().len());
        assert_eq!(count(|wire| v1::LinkStage::try_from(wire).is_ok()), StageName::value_variants().len());
        assert_eq!(count(|wire| v1::LinkKind::try_from(wire).is_ok()), LinkKindName::value_variants().len());
        assert_eq!(count(|wire| v1::AccountUse::try_from(wire).is_ok()), UseName::value_variants().len());
    }

    #[test]
    fn the_scope_of_an_approval_ascends_whatever_the_order_on_the_command_line() {
        let given = vec![LinkKindName::Customer, LinkKindName::House, LinkKindName::Customer];
        assert_eq!(ascending(given), [v1::LinkKind::House as i32, v1::LinkKind::Customer as i32]);
    }
}
