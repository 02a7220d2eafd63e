//! Check and record alone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gateway::{
    arrangement::{name::AccountId, terms::Arrangement},
    book::{
        Book, Holding,
        direction::{
            Direction, RequestKey,
            account::{AccountDirectory, AccountFacts, LinkStanding, Purpose},
            proposal::{Proposal, Standing},
            state::Directions,
        },
    },
    sample,
};
use jiff::Timestamp;

use super::{accounts, request};

/// Accounts by their names.
pub(crate) struct ByName;

impl AccountDirectory for ByName {
    fn facts(&self, account: &AccountId) -> Option<AccountFacts> {
        facts(account)
    }
}

/// The facts of an account of the benchmark.
pub(crate) fn facts(account: &AccountId) -> Option<AccountFacts> {
    let (kind, place) = account.as_str().split_once('-')?;
    let purpose = match kind {
        "REG" => Purpose::Regular,
        "XM" => Purpose::CrossMargin { link: format!("L-{place}").parse().unwrap(), standing: LinkStanding::Open },
        _ => return None,
    };
    Some(AccountFacts { member: "M1".parse().unwrap(), owner: format!("C-{place}").parse().unwrap(), purpose })
}

/// What a direction costs over a book of so many links, with as many regular accounts.
pub(crate) fn per_direction(links: usize, count: u64) -> Duration {
    let holding = Holding { instrument: "FUT:ZN:2026-03".parse().unwrap(), quantity: 100 };
    let holdings: Arc<[Holding]> = Arc::from([holding]);
    let names = (0..links).map(accounts).flat_map(|(cross_margin, regular)| [cross_margin, regular]);
    let book = Book {
        version: 1,
        business_date: sample::BUSINESS_DATE,
        as_of: Timestamp::UNIX_EPOCH,
        directions_through: 0,
        accounts: names.map(|name| (name.parse().unwrap(), Arc::clone(&holdings))).collect(),
    };
    let arrangement = Arrangement::default();
    let mut directions = Directions::default();
    directions.accept(&Arc::new(book), &[]);
    let requests: Vec<_> = (1..=count).map(|number| request(number, links)).collect();
    let begin = Instant::now();
    for request in &requests {
        let standing = Standing {
            directions: &directions,
            accounts: &ByName,
            eligible: &arrangement.eligible,
            is_opened: &|_| false,
        };
        let (business_date, legs) = Proposal::read(request, "FICC-CME").check(&standing).unwrap();
        directions.record(Arc::new(Direction {
            number: directions.last() + 1,
            request: RequestKey::of(None, request),
            business_date,
            by: "administrator".to_owned(),
            recorded_at: Timestamp::UNIX_EPOCH,
            expected: None,
            legs,
        }));
    }
    begin.elapsed() / u32::try_from(count).unwrap()
}
