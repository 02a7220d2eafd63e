//! Contracts by their codes.

use risk::{
    futures::{ContractSpecification, Family, TreasuryDelivery, default_specifications, product_by_code},
    instrument::ProductCode,
};

/// A Treasury future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreasuryContract {
    /// The product, by Globex code.
    pub(super) product: ProductCode,
    /// What one point of price of a contract is worth, in USD.
    pub(super) points_value: u32,
    /// What can be delivered, and when.
    pub(super) delivery: TreasuryDelivery,
}

/// The specification of a product, by Globex, clearing or floor code.
fn specification(code: &str) -> Result<ContractSpecification, String> {
    let product = product_by_code(code);
    let known = default_specifications().into_iter().filter(|known| Some(known.product) == product);
    known.max_by_key(|known| known.effective_from).ok_or_else(|| {
        format!(
            "{code:?} is not a contract: ZT, Z3N, ZF, ZN, TN, TWE, ZB, UB, SR3, SR1 or ZQ is needed, or its clearing or \
             floor code"
        )
    })
}

/// A Treasury future by one of its codes.
pub(super) fn treasury(code: &str) -> Result<TreasuryContract, String> {
    let specification = specification(code)?;
    match specification.family {
        Family::Treasury(delivery) => {
            Ok(TreasuryContract { product: specification.product, points_value: specification.points_value, delivery })
        }
        _ => Err(format!("{code} settles in cash: it has no deliverable issues and no conversion factors")),
    }
}

/// A rate future by one of its codes.
pub(super) fn rate(code: &str) -> Result<ContractSpecification, String> {
    let specification = specification(code)?;
    match specification.family {
        Family::Treasury(_) => Err(format!("{code} settles by delivery, not at fixings: SR3, SR1 or ZQ is needed")),
        _ => Ok(specification),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_go_by_each_of_their_codes() {
        for code in ["ZN", "21", "TY"] {
            assert_eq!(treasury(code).unwrap().product.as_str(), "ZN");
        }
        for code in ["ZQ", "41", "FF"] {
            assert_eq!(rate(code).unwrap().product.as_str(), "ZQ");
        }
        assert!(treasury("SR3").unwrap_err().contains("settles in cash"));
        assert!(rate("TY").unwrap_err().contains("settles by delivery"));
        assert!(treasury("zn").unwrap_err().contains("is not a contract"));
    }
}
