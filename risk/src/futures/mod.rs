//! Futures: what a contract is, when it ends, what can be delivered into it, and what it settles at.

mod basket;
mod codes;
mod conversion;
mod defaults;
mod grade;
mod settlement;
mod specification;

pub use basket::{BasketTerms, Deliverable, DeliverableMeasures, cheapest_to_deliver};
pub use codes::product_by_code;
pub use conversion::{FactorRounding, conversion_factor};
pub use defaults::default_specifications;
pub use grade::{DeliverableGrade, GradeProblem, RemainingMaximum, RemainingRule, Term};
pub use settlement::{settle_fed_funds, settle_sofr_one_month, settle_sofr_three_month};
pub use specification::{ContractSpecification, Family, LastDelivery, TreasuryDelivery};
