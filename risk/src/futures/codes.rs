//! The codes by which a product goes on the trading platform, in clearing and on the floor.

use crate::instrument::ProductCode;

/// The codes of one product: on Globex, in clearing, and on the trading floor, whose letters data vendors and tables of
/// conversion factors still use.
struct Codes {
    globex: &'static str,
    clearing: &'static str,
    floor: Option<&'static str>,
}

/// Source: the exchange's contract specification pages, "Product Code", and its tables of conversion factors, which name
/// contracts by floor code (published). The three-year note's floor code was its clearing code; what was listed after
/// the floor closed has none. `UB`, the Ultra bond's Globex code, is also its heading in the tables.
const CODES: [Codes; 11] = [
    Codes { globex: "ZT", clearing: "26", floor: Some("TU") },
    Codes { globex: "Z3N", clearing: "3YR", floor: None },
    Codes { globex: "ZF", clearing: "25", floor: Some("FV") },
    Codes { globex: "ZN", clearing: "21", floor: Some("TY") },
    Codes { globex: "TN", clearing: "TN", floor: None },
    Codes { globex: "TWE", clearing: "TWE", floor: None },
    Codes { globex: "ZB", clearing: "17", floor: Some("US") },
    Codes { globex: "UB", clearing: "UBE", floor: None },
    Codes { globex: "SR3", clearing: "SR3", floor: None },
    Codes { globex: "SR1", clearing: "SR1", floor: None },
    Codes { globex: "ZQ", clearing: "41", floor: Some("FF") },
];

/// The product of the [default table](super::default_specifications) that goes by a Globex, clearing or floor code;
/// `None` for an unknown one.
#[must_use]
pub fn product_by_code(code: &str) -> Option<ProductCode> {
    let known = |codes: &&Codes| codes.globex == code || codes.clearing == code || codes.floor == Some(code);
    CODES.iter().find(known)?.globex.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::futures::default_specifications;

    #[test]
    fn every_code_leads_to_one_product_that_has_a_specification() {
        let specified: Vec<ProductCode> = default_specifications().iter().map(|s| s.product).collect();
        let mut seen = BTreeSet::new();
        for (codes, product) in CODES.iter().zip(specified) {
            let own: BTreeSet<&str> =
                [Some(codes.globex), Some(codes.clearing), codes.floor].into_iter().flatten().collect();
            for code in own {
                assert_eq!(product_by_code(code), Some(product), "{code}");
                assert!(seen.insert(code), "{code} is the code of two products");
            }
        }
        assert_eq!(product_by_code("ES"), None);
    }
}
