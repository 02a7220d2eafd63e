//! The systems that give a house's node its positions and its market data, and that ask again for what was answered.

use crossmargin::v1::{
    self, market_data_service_client::MarketDataServiceClient,
    position_keeping_service_client::PositionKeepingServiceClient, submit_snapshot_request::Part,
};
use gateway::{arrangement::leg::Leg, csv_book::Book, sample, wire};
use tonic::{Response, Status, transport::Channel};

use super::{
    clock::true_instant,
    desk::{Again, Desk, MESSAGE_BYTES},
    setting,
    told::Acknowledged,
};

impl Desk {
    fn positions(&self) -> PositionKeepingServiceClient<Channel> {
        PositionKeepingServiceClient::new(self.channel("position-source"))
    }

    fn market(&self) -> MarketDataServiceClient<Channel> {
        MarketDataServiceClient::new(self.channel("market-source")).max_decoding_message_size(MESSAGE_BYTES)
    }

    async fn send_book(
        &self,
        id: &str,
        version: u64,
        scope: v1::SnapshotScope,
        book: Book,
    ) -> Result<Response<v1::SubmitSnapshotResponse>, Status> {
        // Of the version, not of the attempt: who asks again asks for the same.
        let as_of = true_instant(version * 1_000_000);
        let header = v1::SnapshotHeader {
            request_id: id.to_owned(),
            business_date: sample::BUSINESS_DATE.to_string(),
            as_of: Some(wire::to_timestamp(as_of)),
            book_version: version,
            scope: scope.into(),
            flat_accounts: Vec::new(),
            directions_through: 0,
        };
        let parts = std::iter::once(Part::Header(header)).chain(book.into_wire(1_000));
        let requests: Vec<_> = parts.map(|part| v1::SubmitSnapshotRequest { part: Some(part) }).collect();
        self.positions().submit_snapshot(tokio_stream::iter(requests)).await
    }

    async fn submit_book(&self, version: u64, scope: v1::SnapshotScope, book: Book) {
        let id = format!("book-{version}");
        let life = self.life();
        let answer = self.insist(&id, || self.send_book(&id, version, scope, book.clone())).await;
        match answer {
            Ok(answer) => {
                if answer.book_version != version {
                    self.trace.violation(format!("{id}: version {} was answered", answer.book_version));
                }
                self.learn(&self.known.book, life, version);
                self.acknowledge(&id, Again::Book(version, scope, book), Acknowledged::Book { version });
            }
            Err(status) => self.trace.violation(format!("{id} was refused: {}", status.message())),
        }
    }

    /// What a house's node needs before it can take part: its market data, its programme, its book.
    pub async fn set_up(&self) {
        self.submit_market("market-0", 0).await;
        self.record("links", setting::onboarding(self.leg)).await;
        self.submit_book(1, v1::SnapshotScope::Full, setting::book(self.leg, [0; 4])).await;
        self.told.begun(self.leg, self.known.registry.of(0));
    }

    /// Position keeping: amends accounts and replaces the book, and reads back what stands.
    pub async fn keep_positions(&self) {
        let dice = self.dice("positions");
        let mut editions = [0; 4];
        let mut version = 1;
        // The life in which the house has had the whole book: in another one, that is to be submitted again.
        let mut whole_in = 0;
        loop {
            self.pause(dice.millis(2_000, 25_000)).await;
            if self.is_healing() {
                while whole_in != self.whole().await {
                    version += 1;
                    whole_in = self.life();
                    self.submit_book(version, v1::SnapshotScope::Full, setting::book(self.leg, editions)).await;
                }
                return self.check_positions(version, &editions).await;
            }
            let place = usize::try_from(dice.below(4)).unwrap();
            version += 1;
            editions[place] += 1;
            let life = self.life();
            if dice.chance(25) || whole_in != life {
                whole_in = life;
                self.submit_book(version, v1::SnapshotScope::Full, setting::book(self.leg, editions)).await;
            } else {
                let book = setting::amendment(self.leg, place, editions[place]);
                self.submit_book(version, v1::SnapshotScope::Amendment, book).await;
            }
            if whole_in == self.life() && !self.is_lost() {
                self.check_positions(version, &editions).await;
            }
        }
    }

    /// The newest acknowledged book is what is read.
    async fn check_positions(&self, version: u64, editions: &[u64; 4]) {
        let life = self.life();
        for (place, edition) in editions.iter().enumerate() {
            let account = setting::account(self.leg, place);
            let request = v1::GetPositionsRequest { account: account.to_owned() };
            let read = self.call("GetPositions", self.positions().get_positions(request)).await;
            let Ok(read) = read else { continue };
            if life != self.life() {
                return;
            }
            let columns = read.positions.unwrap_or_default();
            let expected = setting::quantity(self.leg, place, *edition);
            if read.book_version != version || columns.quantities != [expected] {
                self.trace.violation(format!(
                    "{account}: version {version} with {expected} was acknowledged, but version {} with {:?} is read",
                    read.book_version, columns.quantities
                ));
            }
        }
    }

    async fn send_market(&self, id: &str, edition: u64) -> Result<Response<v1::SubmitMarketDataResponse>, Status> {
        let request = v1::SubmitMarketDataRequest {
            request_id: id.to_owned(),
            business_date: sample::BUSINESS_DATE.to_string(),
            items: setting::market(self.leg, edition),
        };
        self.market().submit_market_data(request).await
    }

    async fn submit_market(&self, id: &str, edition: u64) {
        let life = self.life();
        match self.insist(id, || self.send_market(id, edition)).await {
            Ok(answer) => {
                let known = self.learn(&self.known.market, life, answer.version);
                if known.is_some_and(|known| answer.version <= known) {
                    self.trace.violation(format!("{id}: version {} follows on {known:?}", answer.version));
                }
                let v1::SubmitMarketDataResponse { version, manifest_digest: manifest, .. } = answer;
                self.acknowledge(id, Again::Market(edition), Acknowledged::Market { version, manifest });
            }
            Err(status) => self.trace.violation(format!("{id} was refused: {}", status.message())),
        }
    }

    /// The source of market data: a new price now and then.
    pub async fn give_prices(&self) {
        let dice = self.dice("market");
        let mut edition = 0;
        let mut life = 0;
        loop {
            self.pause(dice.millis(15_000, 90_000)).await;
            if life != self.life() {
                life = self.give_prices_again(edition).await;
            }
            if self.is_healing() {
                return;
            }
            edition += 1;
            self.submit_market(&format!("market-{edition}"), edition).await;
            let kind = match self.leg {
                Leg::Treasury => v1::MarketItemKind::IssuePrices,
                Leg::Futures => v1::MarketItemKind::ContractPrices,
            };
            let request = v1::GetMarketDataRequest { kind: kind.into(), business_date: String::new() };
            let Ok(read) = self.call("GetMarketData", self.market().get_market_data(request)).await else { continue };
            if life != self.life() {
                continue;
            }
            let expected = setting::market(self.leg, edition).pop();
            if read.version != self.known.market.of(life) || read.item != expected {
                let version = read.version;
                self.trace.violation(format!("market-{edition} was acknowledged, but version {version} is read"));
            }
        }
    }

    /// Gives all market data again after a loss: some may be gone at both houses. The life in which it was given.
    async fn give_prices_again(&self, newest: u64) -> u64 {
        loop {
            let life = self.whole().await;
            for edition in 0..=newest {
                self.submit_market(&format!("market-{edition}-after-{life}"), edition).await;
            }
            if life == self.life() {
                return life;
            }
        }
    }

    /// Asks again under the id of a request that was acknowledged: the answer must be the same, and be called one.
    pub async fn ask_again(&self, id: &str) {
        let Some((again, expected)) = self.acknowledged_of(id) else { return };
        let what = format!("{id} again");
        let life = self.life();
        let (answer, is_replay) = match again {
            Again::Book(version, scope, book) => {
                let ask = || self.send_book(id, version, scope, book.clone());
                let Ok(answer) = self.insist_within(life, &what, ask).await else { return self.lost(life, id) };
                (Acknowledged::Book { version: answer.book_version }, answer.is_replay)
            }
            Again::Market(edition) => {
                let ask = || self.send_market(id, edition);
                let Ok(answer) = self.insist_within(life, &what, ask).await else {
                    return self.lost(life, id);
                };
                let v1::SubmitMarketDataResponse { version, manifest_digest: manifest, is_replay, .. } = answer;
                (Acknowledged::Market { version, manifest }, is_replay)
            }
            Again::Changes(changes) => {
                let ask = || self.send_changes(id, changes.clone());
                let Ok(answer) = self.insist_within(life, &what, ask).await else {
                    return self.lost(life, id);
                };
                let v1::RecordChangesResponse { sequence, suspension_ids: suspensions, is_replay } = answer;
                (Acknowledged::Changes { sequence, suspensions }, is_replay)
            }
            Again::Direction(quantity) => {
                let ask = || self.send_direction(id, quantity);
                let Ok(answer) = self.insist_within(life, &what, ask).await else {
                    return self.lost(life, id);
                };
                (Acknowledged::Direction { number: answer.number }, answer.is_replay)
            }
        };
        if life != self.life() {
            return;
        }
        if answer != expected || !is_replay {
            self.trace.violation(format!("{id} was answered {expected:?}, and now {answer:?}, again: {is_replay}"));
        }
        self.trace.count("requests asked again");
    }

    fn lost(&self, life: u64, id: &str) {
        // A house that has lost its disk and knows it refuses everything.
        if self.is_lost() || life != self.life() {
            return;
        }
        self.trace.violation(format!("{id} was acknowledged, and is refused when it is asked again"));
    }
}
