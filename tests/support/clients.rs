//! Clients of one node, each call with the certificate of the role that it needs.

use std::{path::PathBuf, time::Instant};

use crossmargin::v1::{
    self, analysis_service_client::AnalysisServiceClient, direction_service_client::DirectionServiceClient,
    margin_service_client::MarginServiceClient, market_data_service_client::MarketDataServiceClient,
    operations_service_client::OperationsServiceClient, position_keeping_service_client::PositionKeepingServiceClient,
    programme_service_client::ProgrammeServiceClient, submit_snapshot_request::Part,
};
use gateway::{
    csv_book::Book,
    identity::{
        ClientTls, Limits, TcpDial, Tls, channel,
        tls::{AuthorityFiles, ClientFiles},
    },
    sample, wire,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tonic::{Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::PATIENCE;

/// Largest message that a test takes.
const MESSAGE_BYTES: usize = 64 << 20;

/// Clients of one node.
#[derive(Clone)]
pub struct Clients {
    pki: PathBuf,
    house: String,
    address: String,
}

impl Clients {
    pub(super) fn new(pki: PathBuf, house: &str, address: String) -> Self {
        Self { pki, house: house.to_owned(), address }
    }

    /// A channel with the certificate of a role of this house, such as `operator` or `member-alder-point`.
    pub fn channel(&self, role: &str) -> Channel {
        let house = self.pki.join(&self.house);
        let client = house.join("clients").join(role);
        self.channel_with(client.with_added_extension("pem"), client.with_added_extension("key"))
    }

    /// A channel with any certificate.
    pub fn channel_with(&self, certificate: PathBuf, key: PathBuf) -> Channel {
        let server = AuthorityFiles {
            house: self.house.parse().unwrap(),
            certificates: self.pki.join(&self.house).join("ca.pem"),
            revocation_lists: Vec::new(),
            enforce_revocation_expiry: false,
        };
        let tls: Tls<ClientTls> = Tls::client(ClientFiles { certificate, key, server }).unwrap();
        channel(&self.address, tls.subscribe(), TcpDial, &Limits::default()).unwrap()
    }

    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel("operator")).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub fn margin(&self) -> MarginServiceClient<Channel> {
        MarginServiceClient::new(self.channel("margin-reader")).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Calls of the analysis service as a role.
    pub fn analysis(&self, role: &str) -> AnalysisServiceClient<Channel> {
        AnalysisServiceClient::new(self.channel(role)).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Calls about directed positions as a role.
    pub fn directions(&self, role: &str) -> DirectionServiceClient<Channel> {
        DirectionServiceClient::new(self.channel(role)).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub fn positions(&self) -> PositionKeepingServiceClient<Channel> {
        PositionKeepingServiceClient::new(self.channel("position-source"))
    }

    pub fn market(&self) -> MarketDataServiceClient<Channel> {
        MarketDataServiceClient::new(self.channel("market-source")).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub fn programme(&self) -> ProgrammeServiceClient<Channel> {
        ProgrammeServiceClient::new(self.channel("administrator"))
    }

    /// Whether the node says that it serves.
    pub async fn is_serving(&self) -> bool {
        let mut health = HealthClient::new(self.channel("operator"));
        health.check(HealthCheckRequest::default()).await.is_ok()
    }

    /// Records the links with all that brings them as far as they can go without approvals.
    pub async fn record_links(&self, links: Vec<v1::LinkTerms>) {
        for (batch, links) in links.chunks(5_000).enumerate() {
            let changes = sample::programme::onboarding(links);
            self.record_changes(&format!("links-{batch}"), changes).await.unwrap();
        }
    }

    pub async fn record_changes(
        &self,
        request_id: &str,
        changes: Vec<v1::ProgrammeChange>,
    ) -> Result<v1::RecordChangesResponse, Status> {
        let request = v1::RecordChangesRequest { request_id: request_id.to_owned(), changes, validate_only: false };
        self.programme().record_changes(request).await.map(tonic::Response::into_inner)
    }

    pub async fn submit_market(&self, business_date: Date, items: Vec<v1::MarketItem>) {
        let request_id = format!("market-{}", Timestamp::now());
        let business_date = business_date.to_string();
        let request = v1::SubmitMarketDataRequest { request_id, business_date, items };
        self.market().submit_market_data(request).await.unwrap();
    }

    /// Submits a whole book, or an amendment.
    pub async fn submit_book(
        &self,
        book: Book,
        business_date: Date,
        version: u64,
        scope: v1::SnapshotScope,
    ) -> Result<v1::SubmitSnapshotResponse, Status> {
        self.submit_book_through(book, business_date, version, scope, 0).await
    }

    /// The same, with the last direction that the positions include.
    pub async fn submit_book_through(
        &self,
        book: Book,
        business_date: Date,
        version: u64,
        scope: v1::SnapshotScope,
        directions_through: u64,
    ) -> Result<v1::SubmitSnapshotResponse, Status> {
        let header = v1::SnapshotHeader {
            request_id: format!("book-{version}"),
            business_date: business_date.to_string(),
            // Of the date, not of the attempt: who asks again asks for the same.
            as_of: Some(wire::to_timestamp(business_date.at(21, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp())),
            book_version: version,
            scope: scope.into(),
            flat_accounts: Vec::new(),
            directions_through,
        };
        let parts = std::iter::once(Part::Header(header)).chain(book.into_wire(50_000));
        let requests: Vec<_> = parts.map(|part| v1::SubmitSnapshotRequest { part: Some(part) }).collect();
        let answer = self.positions().submit_snapshot(tokio_stream::iter(requests)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Gives the node its part of the sample: links, market data and book.
    pub async fn submit_sample(&self, leg: gateway::arrangement::leg::Leg) {
        self.record_links(sample::book::links()).await;
        self.submit_market(sample::BUSINESS_DATE, sample::market().into_items(leg)).await;
        let book = sample::book::book(leg).unwrap();
        self.submit_book(book, sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap();
    }

    pub async fn open(&self, cycle: &v1::CycleId, seconds_to_cut_off: i64) -> v1::Cycle {
        let cut_off = Timestamp::now() + jiff::SignedDuration::from_secs(seconds_to_cut_off);
        let cut_off = Some(wire::to_timestamp(cut_off));
        let request = v1::OpenCycleRequest { cycle: Some(cycle.clone()), cut_off };
        self.operations().open_cycle(request).await.unwrap().into_inner().cycle.unwrap()
    }

    pub async fn cycle(&self, cycle: &v1::CycleId) -> Option<v1::Cycle> {
        let request = v1::GetCycleRequest { cycle: Some(cycle.clone()) };
        self.operations().get_cycle(request).await.ok().and_then(|answer| answer.into_inner().cycle)
    }

    /// Waits until the cycle is as wanted, and gives it.
    pub async fn wait(&self, cycle: &v1::CycleId, what: &str, is_it: impl Fn(&v1::Cycle) -> bool) -> v1::Cycle {
        let begin = Instant::now();
        loop {
            let now = self.cycle(cycle).await;
            if let Some(cycle) = now.as_ref().filter(|cycle| is_it(cycle)) {
                return cycle.clone();
            }
            assert!(begin.elapsed() < PATIENCE, "{}: {cycle:?} did not come to {what}; it is {now:#?}", self.house);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    pub async fn wait_agreed(&self, cycle: &v1::CycleId, round: u32) -> v1::Cycle {
        self.wait(cycle, "an agreement", |cycle| cycle.agreed_round == round).await
    }

    pub async fn agreement(&self, cycle: &v1::CycleId, round: u32) -> v1::Agreement {
        let request = v1::GetAgreementRequest { cycle: Some(cycle.clone()), round };
        self.margin().get_agreement(request).await.unwrap().into_inner().agreement.unwrap()
    }

    pub async fn requirements(&self, cycle: &v1::CycleId, round: u32) -> Vec<v1::Requirement> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request =
                v1::ListRequirementsRequest { cycle: Some(cycle.clone()), round, page_token, ..Default::default() };
            let page = self.margin().list_requirements(request).await.unwrap().into_inner();
            all.extend(page.requirements);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    pub async fn breaks(&self, cycle: &v1::CycleId, round: u32) -> Vec<v1::Break> {
        let request = v1::ListBreaksRequest { cycle: Some(cycle.clone()), round, ..Default::default() };
        self.operations().list_breaks(request).await.unwrap().into_inner().breaks
    }
}
