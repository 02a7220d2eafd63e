//! One house of the model: the product's machine, and around it what its node does with effects.

#[path = "house/disk.rs"]
mod disk;
#[path = "house/examined.rs"]
mod examined;
#[path = "house/loss.rs"]
mod loss;
#[path = "house/received.rs"]
mod received;
#[path = "house/steps.rs"]
mod steps;
#[path = "house/work.rs"]
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gateway::arrangement::{
    cycle::Cycle,
    cycle_id::Round,
    digest::Digest,
    fact::{Draft, Effect, Fact, Inputs, Outcome},
    leg::Leg,
    machine::{Machine, Record, Rules},
};
use loss::{Copy, Story, Unheard};
pub(crate) use steps::Step;

use crate::{
    matter::{self, CYCLE},
    spoken::Place,
    world::{Opens, Peer, Without, World},
};

/// A house's own clock, which runs on while its node is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Clock {
    Open,
    PastGuard,
    PastCutOff,
}

/// Something on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Append {
    /// What the machine asked for.
    Own(Draft),
    /// Evidence of the other house.
    Theirs(Fact),
    /// Evidence of the other house that contradicts what is on record.
    Contradiction(Fact),
}
/// What may still happen to a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    amendments: u8,
    entries: u8,
    restarts: u8,
    acceptances: u8,
    operator_cut_offs: u8,
    losses: u8,
}

/// A house: its machine and the work that its node has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct House {
    pub(crate) machine: Machine<Without>,
    pub(crate) rules: Rules,
    /// Asked for and not yet durable, in the order asked.
    pub(crate) appends: Vec<Append>,
    /// Fetches, computations and matchings under way.
    pub(crate) tasks: BTreeSet<Effect>,
    /// Content of the other house that is here.
    blobs: BTreeSet<Digest>,
    /// What the network may still deliver to the other house.
    pub(crate) wire: BTreeSet<Fact>,
    /// The same in the order in which it was sent, where it arrives in that order.
    pub(crate) sent: Vec<Fact>,
    /// All that was ever given to the network and not lost since.
    pub(crate) said: BTreeSet<Fact>,
    /// What was given to the network, and may be there still or at the other house, and is lost here.
    pub(crate) lost: BTreeSet<Fact>,
    /// What the other house said and this one put on its record.
    pub(crate) heard: BTreeSet<Fact>,
    /// The first of it in each place.
    pub(crate) first_heard: BTreeMap<Place, Fact>,
    /// What the other house said and this one recorded as a contradiction.
    pub(crate) denounced: BTreeSet<Fact>,
    pub(crate) clock: Clock,
    left: Left,
    /// What a disk that loses the last append brings back.
    before_last: Option<Record>,
    /// The inputs from which margins could not be computed last, as far as the node still knows.
    failed: Option<Inputs>,
    /// The round that was agreed when the first cut-off was recorded.
    pub(crate) agreed_at_cut_off: Option<Round>,
    /// What there is to tell the other house, which may lose its own.
    pub(crate) story: Story,
    /// The old copy of the ledger on which the house may start.
    copy: Option<Arc<Copy>>,
    /// What waits until the other house has said how far it holds this house's word.
    unheard: Option<Unheard>,
    /// Whether the house has recovered.
    pub(crate) has_recovered: bool,
    /// The rules that something that the house did broke.
    pub(crate) broke: BTreeSet<&'static str>,
}

impl House {
    /// The house with arrangement, registries, market data and the first book on record, as the cycle opens.
    pub(crate) fn new(us: Leg, world: &World) -> Self {
        let peer = us.other();
        let business_date = CYCLE.business_date;
        let mut machine = Machine::under(world.without, us, world.rules, Record::default());
        for by in Leg::BOTH {
            let number = u8::from(!world.has_one_arrangement && by == Leg::Futures);
            machine.replay(&Fact::Adopted { by, arrangement: matter::arrangement(number) });
            machine.replay(&Fact::Registry { by, sequence: 1 });
            machine.replay(&Fact::Market { by, business_date, version: matter::market(by) });
        }
        machine.replay(&Fact::Book { business_date, version: 1 });
        let of = |counts: [u8; 2]| counts[us.index()];
        let mut house = Self {
            machine,
            rules: world.rules,
            appends: Vec::new(),
            tasks: BTreeSet::new(),
            blobs: BTreeSet::from([matter::market(peer).digest]),
            wire: BTreeSet::new(),
            sent: Vec::new(),
            said: BTreeSet::new(),
            lost: BTreeSet::new(),
            heard: BTreeSet::new(),
            first_heard: BTreeMap::new(),
            denounced: BTreeSet::new(),
            clock: Clock::Open,
            left: Left {
                amendments: of(world.amendments),
                entries: of(world.entries),
                restarts: of(world.restarts),
                // That it was accepted may be lost, and is accepted again.
                acceptances: match world.opens[us.index()] {
                    Opens::MayAccept => 1 + u8::from(world.loss.strikes(us)),
                    Opens::OnSchedule | Opens::Asks | Opens::Never => 0,
                },
                operator_cut_offs: u8::from(world.operator_cuts_off),
                losses: u8::from(world.loss.strikes(us)),
            },
            before_last: None,
            failed: None,
            agreed_at_cut_off: None,
            story: Story::of(us, world),
            copy: None,
            unheard: None,
            has_recovered: false,
            broke: BTreeSet::new(),
        };
        if world.opens[peer.index()] == Opens::OnSchedule {
            house.begin_with(Fact::Opened { by: peer, cycle: CYCLE });
        }
        if let Peer::Liar(_) = world.peer {
            let revision = matter::manifest(peer, 1, 1);
            house.begin_with(Fact::Market { by: peer, business_date, version: matter::market(peer) });
            house.begin_with(Fact::Manifest { by: peer, cycle: CYCLE, revision, book_version: 1 });
        }
        match world.opens[us.index()] {
            Opens::OnSchedule | Opens::Asks => house.enter(world, Fact::Opened { by: us, cycle: CYCLE }),
            Opens::MayAccept | Opens::Never => {}
        }
        house
    }

    pub(crate) fn us(&self) -> Leg {
        self.machine.us()
    }

    /// What is on record of the cycle.
    pub(crate) fn cycle(&self) -> &Cycle {
        static UNHEARD_OF: std::sync::LazyLock<Cycle> = std::sync::LazyLock::new(Cycle::default);
        self.machine.on_record().cycle(CYCLE).unwrap_or(&UNHEARD_OF)
    }

    /// How the cycle ended here, as far as that is on record.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.cycle().outcomes[self.us()]
    }

    pub(crate) fn has_opened(&self) -> bool {
        self.cycle().opened[self.us()]
    }

    /// The newest book.
    pub(crate) fn book(&self) -> u64 {
        self.machine.on_record().book_version(CYCLE.business_date).expect("there is a book from the start")
    }

    /// Whether the node has nothing in hand.
    pub(crate) fn is_idle(&self) -> bool {
        self.appends.is_empty() && self.tasks.is_empty()
    }
}
