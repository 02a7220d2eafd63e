//! Everything that the demo's scenes share: both houses with their nodes, the folder, the progress line.

use std::time::Duration;

use crossmargin::v1::{self, CyclePhase, SnapshotScope};
use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{DemoArgs, folder::Folder, house::House, progress::Progress, report::View, roll::roll, setup, wait};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        leg::{Leg, Pair},
        parties::Parties,
        terms::Arrangement,
    },
    command::{
        agreements,
        claimed_port::ClaimedPort,
        cycle,
        failure::{Failure, Told},
        links, listing, market, status, submit,
    },
    csv_book::Book,
    identity::{
        Role, VerifyingKeys,
        signing::{PublicKey, Validity},
    },
    sample,
};

/// How long a step between the two nodes may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// Length of a cycle that is expected to be agreed.
const CYCLE: SignedDuration = SignedDuration::from_mins(30);

/// What the demo's scenes share.
pub(super) struct Stage {
    pub(super) folder: Folder,
    pub(super) houses: Pair<House>,
    pub(super) progress: Progress,
    pub(super) parties: Parties,
    pub(super) keys: VerifyingKeys,
    arrangement: Arrangement,
    /// Where the nodes listen, kept from everybody else for as long as the demo runs.
    _ports: Pair<ClaimedPort>,
    items: Pair<Vec<v1::MarketItem>>,
    pub(super) history: String,
}

impl Stage {
    /// Makes the folder, starts both nodes, records the links, submits market data and books of the sample's date.
    pub(super) async fn set(args: &DemoArgs) -> Result<Self, Failure> {
        let (document, arrangement) = setup::arrangement()?;
        let (items, history) = market_items(args, &arrangement)?;
        let mut progress = Progress::new();
        progress.step("certificates, configurations and sample written");
        let folder = Folder::take(&args.dir)?;
        let names = Pair::from_fn(|leg| arrangement.parties.houses[leg].to_string());
        let ports = setup::claim_ports()?;
        let addresses = ports.as_ref().map(|port| port.address().to_string());
        setup::write(&folder, &document, &names, &addresses, &items)?;
        let house = |leg: Leg| {
            let id = arrangement.parties.arrangement.as_str();
            House::new(&names[leg], &addresses[leg], id, &folder)
        };
        let houses = Pair { treasury: house(Leg::Treasury)?, futures: house(Leg::Futures)? };
        let keys = public_keys(&folder, &names)?;
        let parties = arrangement.parties.clone();
        let mut stage = Self { folder, houses, progress, parties, keys, arrangement, _ports: ports, items, history };
        stage.start_nodes().await?;
        stage.record_links().await?;
        for leg in Leg::BOTH {
            stage.submit_market(leg, sample::BUSINESS_DATE).await?;
        }
        for leg in Leg::BOTH {
            stage.submit_book(leg, sample::BUSINESS_DATE).await?;
        }
        Ok(stage)
    }

    /// The business date after the sample's.
    pub(super) fn next_business_date(&self) -> Result<Date, Failure> {
        setup::next_business_date(&self.arrangement)
    }

    /// A cut-off that no agreement of the demo comes close to.
    pub(super) fn late_cut_off() -> Timestamp {
        Timestamp::now().checked_add(CYCLE).unwrap_or(Timestamp::MAX)
    }

    /// Submits a house's items of the sample's market for a business date.
    pub(super) async fn submit_market(&mut self, leg: Leg, date: Date) -> Result<(), Failure> {
        self.progress.step(format!("market data of {date} submitted to {}", self.houses[leg].name));
        let node = self.houses[leg].node(Role::MarketSource)?;
        market::send(&node, date, self.items[leg].clone()).await.map(drop)
    }

    /// Submits a house's book of the sample for a business date.
    pub(super) async fn submit_book(&mut self, leg: Leg, date: Date) -> Result<(), Failure> {
        self.progress.step(format!("book of {date} submitted to {}", self.houses[leg].name));
        let book = book(leg, date)?;
        let node = self.houses[leg].node(Role::PositionSource)?;
        submit::send(&node, book, submit::Heading::now(date, SnapshotScope::Full)).await.map(drop)
    }

    /// Opens a cycle at one house.
    pub(super) async fn open(&mut self, leg: Leg, id: CycleId, cut_off: Timestamp) -> Result<(), Failure> {
        self.progress.step(format!("{id} opened at {}", self.houses[leg].name));
        cycle::open(&self.houses[leg].node(Role::Operator)?, id, Some(cut_off)).await.map(drop)
    }

    /// How a cycle stands at one house.
    pub(super) async fn cycle(&self, leg: Leg, id: CycleId) -> Result<v1::Cycle, Failure> {
        cycle::status(&self.houses[leg].node(Role::Operator)?, id).await
    }

    /// Waits until a cycle stands at a house as `is_so` says.
    pub(super) async fn until(
        &mut self,
        leg: Leg,
        id: CycleId,
        what: &str,
        is_so: impl Fn(&v1::Cycle) -> bool,
    ) -> Result<v1::Cycle, Failure> {
        let node = self.houses[leg].node(Role::Operator)?;
        let name = self.houses[leg].name.clone();
        self.progress.step(format!("{id}: {what} at {name}"));
        wait::until(&format!("{id} at {name}: {what}"), PATIENCE, async || {
            let standing = cycle::status(&node, id).await.map_err(|failure| failure.to_string())?;
            if is_so(&standing) { Ok(standing) } else { Err(described(&standing)) }
        })
        .await
    }

    /// Waits until both houses hold the agreement of a round or a later one.
    pub(super) async fn until_agreed(&mut self, id: CycleId, round: u32) -> Result<(), Failure> {
        for leg in Leg::BOTH {
            let what = format!("round {round} agreed");
            let is_so = |cycle: &v1::Cycle| cycle.phase() == CyclePhase::Agreed && cycle.agreed_round >= round;
            self.until(leg, id, &what, is_so).await?;
        }
        self.progress.end();
        Ok(())
    }

    /// Cuts a cycle off at both houses: what comes later changes nothing of what was shown.
    pub(super) async fn cut_off(&mut self, id: CycleId) -> Result<(), Failure> {
        for leg in Leg::BOTH {
            let request = v1::CutOffCycleRequest { cycle: Some(id.to_wire(self.parties.arrangement.as_str())) };
            let node = self.houses[leg].node(Role::Operator)?;
            node.operations().cut_off_cycle(request).await.told(&format!("cutting {id} off"))?;
        }
        Ok(())
    }

    /// Asks one house for its view of a round; round 0 is the one in force.
    pub(super) async fn view(&self, leg: Leg, id: CycleId, round: u32, is_agreed: bool) -> Result<View, Failure> {
        let node = self.houses[leg].node(Role::MarginReader)?;
        let agreement = if is_agreed { Some(agreements::get(&node, id, round).await?) } else { None };
        Ok(View {
            house: self.houses[leg].name.clone(),
            ledger: self.folder.ledger(&self.houses[leg].name),
            cycle: self.cycle(leg, id).await?,
            requirements: listing::requirements(&node, id, round).await?,
            agreement,
        })
    }

    /// Asks both houses for their views of a round that both agreed.
    pub(super) async fn views(&self, id: CycleId, round: u32, is_agreed: bool) -> Result<Pair<View>, Failure> {
        Ok(Pair {
            treasury: self.view(Leg::Treasury, id, round, is_agreed).await?,
            futures: self.view(Leg::Futures, id, round, is_agreed).await?,
        })
    }

    /// Stops both nodes, or leaves them running and gives their process ids.
    pub(super) async fn close(&mut self, keep_running: bool) -> Result<Vec<u32>, Failure> {
        let mut left = Vec::new();
        for leg in Leg::BOTH {
            let house = &mut self.houses[leg];
            if keep_running {
                left.extend(house.leave());
            } else {
                self.progress.step(format!("{}'s node stopped", house.name));
                house.stop().await?;
            }
        }
        self.progress.end();
        Ok(left)
    }

    async fn start_nodes(&mut self) -> Result<(), Failure> {
        for leg in Leg::BOTH {
            self.progress.step(format!("{}'s node started", self.houses[leg].name));
            self.houses[leg].start().await?;
        }
        self.progress.step("both nodes connected");
        for leg in Leg::BOTH {
            let node = self.houses[leg].node(Role::Operator)?;
            let what = format!("the connection of {}'s node to the other", self.houses[leg].name);
            wait::until(&what, PATIENCE, async || {
                let status = status::get(&node).await.map_err(|failure| failure.to_string())?;
                if status.is_peer_connected { Ok(()) } else { Err(status.explanation) }
            })
            .await?;
        }
        Ok(())
    }

    async fn record_links(&mut self) -> Result<(), Failure> {
        self.progress.step("members, links and documents recorded at both houses");
        let links = sample::book::links();
        let changes = sample::programme::onboarding(&links);
        for leg in Leg::BOTH {
            links::record(&self.houses[leg].node(Role::Administrator)?, changes.clone()).await?;
        }
        for leg in Leg::BOTH {
            let node = self.houses[leg].node(Role::Administrator)?;
            wait::until("every link rehearsing or live at both houses", PATIENCE, async || {
                let filter = v1::ListLinksRequest::default();
                let found = listing::links(&node, &filter).await.map_err(|failure| failure.to_string())?;
                let in_cycles = found.iter().filter(|link| link.mode() != v1::LinkMode::Unspecified).count();
                if in_cycles == links.len() { Ok(()) } else { Err(format!("{in_cycles} of {} are", links.len())) }
            })
            .await?;
        }
        Ok(())
    }
}

/// A house's book of the sample as it stands on a business date.
pub(super) fn book(leg: Leg, date: Date) -> Result<Book, Failure> {
    let book = sample::book::book(leg).map_err(|problems| Failure::new(problems.to_string()))?;
    Ok(if date == sample::BUSINESS_DATE { book } else { roll(&book, sample::BUSINESS_DATE, date) })
}

/// Each house's items, and what is to be said of the history behind the scenarios.
fn market_items(args: &DemoArgs, arrangement: &Arrangement) -> Result<(Pair<Vec<v1::MarketItem>>, String), Failure> {
    let mut items = Pair::from_fn(|leg| sample::market().into_items(leg));
    if args.history.is_empty() {
        return Ok((items, "The past behind the scenarios is made up; --history takes the Treasury's own.".to_owned()));
    }
    let history = market::read_history(&args.history)?;
    setup::check_history(&history, arrangement)?;
    let said = format!("The past behind the scenarios: {} days of published par yields.", history.days().len());
    market::replace_curves(&mut items[Leg::Treasury], history);
    Ok((items, said))
}

/// Believes each house's own statement key of the demo's PKI.
fn public_keys(folder: &Folder, names: &Pair<String>) -> Result<VerifyingKeys, Failure> {
    let mut keys = VerifyingKeys::new();
    for (_, name) in names.iter() {
        let failed = |error: &(dyn std::error::Error + 'static)| Failure::of("reading the statement keys", error);
        let house = name.parse().map_err(|error| failed(&error))?;
        let key = PublicKey::load(&folder.pki().join(name).join("statement.pub")).map_err(|error| failed(&error))?;
        keys.insert(house, key, Validity::ALWAYS).map_err(|error| failed(&error))?;
    }
    Ok(keys)
}

fn described(cycle: &v1::Cycle) -> String {
    format!(
        "{}, round {} here and {} at the other house, manifests {} and {}. {}",
        cycle.phase().as_str_name(),
        cycle.round,
        cycle.peer_round,
        cycle.own_manifest_revision,
        cycle.peer_manifest_revision,
        cycle.explanation
    )
}
