//! What is said before the first cycle and after the last: who is there, where everything is, how to go on by hand.

use std::collections::BTreeSet;

use super::stage::Stage;
use crate::{
    arrangement::leg::{Leg, Pair},
    sample,
};

impl Stage {
    /// What is to be seen.
    pub(super) fn opening_words(&self) -> String {
        let Pair { treasury, futures } = &self.houses;
        let links = sample::book::links();
        let members: BTreeSet<&str> = links.iter().map(|link| link.member.as_str()).collect();
        format!(
            "{} (Treasury cash and repo, {}) and {} (interest-rate futures, {}) run as two processes on this machine.\n\
             They carry the two legs of {} linked account pairs of {} member firms. {}\n\
             Customer pairs run in rehearsal: agreed and signed, charged stand-alone.\n",
            treasury.name,
            treasury.address,
            futures.name,
            futures.address,
            links.len(),
            members.len(),
            self.history,
        )
    }

    /// Where everything is, and how to go on by hand; `left` are the nodes that still run.
    pub(super) fn closing_words(&self, left: &[u32]) -> String {
        let program = std::env::current_exe().unwrap_or_else(|_| "crossmargin".into());
        let here = std::env::current_dir().unwrap_or_default();
        let program = program.strip_prefix(&here).unwrap_or(&program).display();
        let mut text = String::from("Ledgers\n");
        for (_, house) in self.houses.iter() {
            text.push_str(&format!("  {:<5} {}\n", house.name, self.folder.ledger(&house.name).display()));
        }
        text.push_str("\nGo on by hand\n");
        if !left.is_empty() {
            let ids: Vec<String> = left.iter().map(ToString::to_string).collect();
            text.push_str(&format!("  # both nodes are still running; to stop them: kill {}\n", ids.join(" ")));
        } else {
            for (_, house) in self.houses.iter() {
                let config = self.folder.config(&house.name);
                text.push_str(&format!("  {program} node --config {} &\n", config.display()));
            }
        }
        let house = &self.houses[Leg::Treasury];
        let date = sample::BUSINESS_DATE;
        text.push_str(&format!("  export CROSSMARGIN_PKI={}\n", self.folder.pki().display()));
        text.push_str(&format!("  export CROSSMARGIN_HOUSE={} CROSSMARGIN_NODE={}\n", house.name, house.address));
        for command in [
            "status".to_owned(),
            "cycle list".to_owned(),
            format!("requirements {date}/ITD/1"),
            format!("agreements show {date}/ITD/1"),
            "explain GSD-1005".to_owned(),
            "links show LNK-2001".to_owned(),
            format!("totals {date}/ITD/1 --member alder-point"),
            "try positions --account GSD-1005 --change add:FUT:ZN:2026-03:-500".to_owned(),
            "market show baskets".to_owned(),
            format!("ledger verify --config {}", self.folder.config(&house.name).display()),
        ] {
            text.push_str(&format!("  {program} {command}\n"));
        }
        let other = &self.houses[Leg::Futures];
        text.push_str(&format!(
            "  # the other house: CROSSMARGIN_HOUSE={} CROSSMARGIN_NODE={}",
            other.name, other.address
        ));
        text
    }
}
