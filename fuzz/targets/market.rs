//! Market and reference data, item by item.

use crossmargin::v1;
use gateway::{
    arrangement::leg::Leg,
    market::{self, Items},
    problem::Collector,
    sample,
};
use prost::Message;

use super::{
    Verdict,
    fixture::{each_names_its_field, numbered},
};

/// One item: what is accepted is accepted again after it was written, and a market that lacks the rest says what it lacks;
/// every problem names a field of the item.
pub fn item(data: &[u8]) -> Verdict {
    let Ok(v1::MarketItem { item: Some(item) }) = v1::MarketItem::decode(data) else { return Verdict::Refused };
    let check = |item: &v1::market_item::Item| {
        let mut problems = Collector::default();
        market::check(item, "items[0]", &mut problems);
        problems.finish(())
    };
    let mut items = Items::default();
    items.insert(item.clone());
    assert_eq!(items.missing().len(), market::KINDS.len() - 1);
    assert!(!items.missing().contains(&market::kind_of(&item)));
    match check(&item) {
        Ok(()) => {
            let written = v1::MarketItem { item: Some(item) }.encode_to_vec();
            let read = v1::MarketItem::decode(&written[..]).unwrap().item.unwrap();
            assert_eq!(check(&read), Ok(()));
            let Err(lacking) = items.assemble(sample::BUSINESS_DATE) else { panic!("one item is no market") };
            each_names_its_field(lacking.list().iter().map(|p| (p.field.as_str(), p.description.clone())));
            Verdict::Accepted
        }
        Err(problems) => {
            each_names_its_field(problems.list().iter().map(|p| (p.field.as_str(), p.description.clone())));
            let is_named = |field: &str| field.starts_with("items[0]") || field == "...";
            assert!(problems.list().iter().all(|problem| is_named(&problem.field)), "{problems}");
            Verdict::Refused
        }
    }
}

/// The sample's items, the histories cut to a few days and the lists to a few rows.
pub fn items() -> Vec<(String, Vec<u8>)> {
    use v1::market_item::Item;
    let all = Leg::BOTH.into_iter().flat_map(|leg| sample::market().into_items(leg));
    numbered(all.map(|mut wire| {
        match wire.item.as_mut().unwrap() {
            Item::Issues(items) => items.issues.truncate(4),
            Item::IssuePrices(items) => items.prices.truncate(4),
            Item::CurveHistory(items) => {
                items.dates.truncate(4);
                items.yields_e4.truncate(4 * items.tenors_months.len());
            }
            Item::OvernightRates(items) => {
                items.dates.truncate(4);
                items.sofr_e4.truncate(4);
                items.effr_e4.truncate(4);
            }
            Item::ContractSpecifications(items) => items.specifications.truncate(4),
            Item::Baskets(items) => items.baskets.truncate(2),
            Item::ContractPrices(items) => items.prices.truncate(4),
        }
        wire.encode_to_vec()
    }))
}
