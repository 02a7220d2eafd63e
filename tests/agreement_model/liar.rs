//! A house that is not honest: the words that it may sign and send, at any moment and any number of times.
//!
//! Its signature is its own; whatever it says with it is taken. Each alphabet is small, and about one thing.

use gateway::arrangement::{
    cycle_id::{CycleId, Round},
    fact::{ClaimFact, Fact, FallBackCause, Inputs, Outcome, Versioned},
    leg::{Leg, Pair},
};

use jiff::civil::date;

use crate::{
    house::House,
    matter::{self, CYCLE},
};

/// What the lies are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lies {
    /// Claims, statements and declines: two of each for one round, of content that does not follow, in any order, for a
    /// round beyond the bound.
    Rounds,
    /// Declines besides statements, and what it takes to get that far.
    Declines,
    /// Manifests and market data: two of one version; entries of the registry log out of order.
    Inputs,
    /// Cycles that do not exist, ends that never were, words of the other house.
    Cycles,
}

impl Lies {
    /// What the house of `liar` may say to `house` now.
    pub(crate) fn words(self, liar: Leg, house: &House) -> Vec<Fact> {
        let says = Words { by: liar, house };
        match self {
            Self::Rounds => says.rounds(),
            Self::Declines => says.declines(),
            Self::Inputs => says.inputs(),
            Self::Cycles => says.cycles(),
        }
    }
}

/// The liar, and the house that it talks to.
struct Words<'a> {
    by: Leg,
    house: &'a House,
}

const ONE: Round = Round(1);
const TWO: Round = Round(2);
/// Beyond every bound of the model.
const FAR: Round = Round(9);

impl Words<'_> {
    fn rounds(&self) -> Vec<Fact> {
        let stray = self.statement_over(ONE, 7);
        let mut words = vec![self.claim(ONE, 0), self.claim(ONE, 1), stray, self.claim(TWO, 0), self.claim(FAR, 0)];
        words.extend(self.statement_that_follows(ONE, 0));
        words.extend(self.statement_that_follows(TWO, 0));
        words
    }

    fn declines(&self) -> Vec<Fact> {
        let declined = |round| Fact::Declined { by: self.by, cycle: CYCLE, round };
        let mut words = vec![self.claim(ONE, 0), declined(ONE), declined(FAR), self.statement_over(ONE, 7)];
        words.extend(self.statement_that_follows(ONE, 0));
        words
    }

    fn inputs(&self) -> Vec<Fact> {
        let by = self.by;
        let manifest = |revision, book_version| Fact::Manifest {
            by,
            cycle: CYCLE,
            revision: matter::manifest(by, revision, book_version),
            book_version,
        };
        let market = |version, content| Fact::Market {
            by,
            business_date: CYCLE.business_date,
            version: Versioned { version, digest: matter::other_market(by, content) },
        };
        let entry = |sequence| Fact::Registry { by, sequence };
        vec![manifest(1, 2), manifest(2, 1), manifest(2, 2), market(1, 1), market(2, 2), entry(2), entry(4)]
    }

    fn cycles(&self) -> Vec<Fact> {
        let (by, us) = (self.by, self.by.other());
        let run = |run| CycleId { run, ..CYCLE };
        let opened = |number| Fact::Opened { by, cycle: run(number) };
        let long_ago = |day| CycleId { business_date: date(2020, 1, day), ..CYCLE };
        let outcome = |cycle, outcome| Fact::Outcome { by, cycle, outcome };
        let content = matter::stray_statement(7);
        let agreed = |round| Outcome::Agreed { round, content, is_late: false };
        vec![
            opened(2),
            self.statement_in(run(3)),
            outcome(run(4), agreed(ONE)),
            opened(5),
            Fact::Opened { by, cycle: long_ago(2) },
            self.statement_in(long_ago(3)),
            outcome(CYCLE, agreed(FAR)),
            outcome(CYCLE, agreed(ONE)),
            outcome(CYCLE, Outcome::FallenBack(FallBackCause::OutOfTime)),
            // What only the house itself may say of itself.
            Fact::Statement { by: us, cycle: CYCLE, round: ONE, content },
            Fact::Outcome { by: us, cycle: CYCLE, outcome: agreed(ONE) },
            Fact::CutOff { cycle: CYCLE },
        ]
    }

    /// The liar's claim of a round with this content; content 0 is what follows from the inputs.
    fn claim(&self, round: Round, content: u8) -> Fact {
        Fact::Claim { by: self.by, cycle: CYCLE, round, claim: self.claim_fact(round, content) }
    }

    fn claim_fact(&self, round: Round, content: u8) -> ClaimFact {
        let inputs = Inputs {
            manifests: Pair::from_fn(|leg| matter::manifest(leg, 1, 1).digest),
            markets: Pair::from_fn(|leg| matter::market(leg).digest),
            registry: Pair { treasury: 1, futures: 1 },
        };
        let root = if content == 0 { matter::root(&inputs) } else { matter::other_root(content) };
        ClaimFact { digest: matter::claim(self.by, round, &inputs, root), inputs, root }
    }

    /// The statement over the house's claim and the liar's own, once the house has claimed.
    fn statement_that_follows(&self, round: Round, content: u8) -> Option<Fact> {
        let theirs = self.house.cycle().rounds.get(&round)?.claims[self.house.us()]?.digest;
        let own = self.claim_fact(round, content).digest;
        let claims = Pair::from_fn(|leg| if leg == self.by { own } else { theirs });
        Some(Fact::Statement { by: self.by, cycle: CYCLE, round, content: matter::statement(claims) })
    }

    fn statement_over(&self, round: Round, content: u8) -> Fact {
        Fact::Statement { by: self.by, cycle: CYCLE, round, content: matter::stray_statement(content) }
    }

    fn statement_in(&self, cycle: CycleId) -> Fact {
        Fact::Statement { by: self.by, cycle, round: ONE, content: matter::stray_statement(7) }
    }
}
