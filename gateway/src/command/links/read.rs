//! What is shown of links: a list, and one link with its life.

use clap::Subcommand;
use crossmargin::v1;
use jiff::civil::Date;

use super::show::{self, LinkDetails};
use crate::{
    arrangement::name::{LinkId, MemberId},
    command::{
        cycle::Reach,
        failure::{Failure, Told},
        listing, output,
        programme::kinds::{LinkKindName, StageName},
        view::LinkView,
    },
    identity::Role,
};

/// What to show of links.
#[derive(Clone, Debug, Subcommand)]
pub enum ReadAction {
    /// List links as the join of both houses' records sees them.
    List {
        /// Links of this member alone.
        #[arg(long, value_name = "MEMBER")]
        member: Option<MemberId>,
        /// Links of this kind alone.
        #[arg(long, value_name = "KIND")]
        kind: Option<LinkKindName>,
        /// Links at this stage alone.
        #[arg(long, value_name = "STAGE")]
        stage: Option<StageName>,
        /// The date; today by the house's clock where it is not given.
        #[arg(long, value_name = "DATE")]
        date: Option<Date>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show where a link stands, what is missing and what would help, and its life: when, which house, who, what, why.
    Show {
        /// The link.
        link: LinkId,
        /// The date; today by the house's clock where it is not given.
        #[arg(long, value_name = "DATE")]
        date: Option<Date>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

impl ReadAction {
    /// Shows it.
    ///
    /// # Errors
    /// What the node said.
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List { member, kind, stage, date, reach } => {
                let filter = v1::ListLinksRequest {
                    member: member.map(String::from).unwrap_or_default(),
                    kind: kind.map(v1::LinkKind::from).unwrap_or_default().into(),
                    stage: stage.map(v1::LinkStage::from).unwrap_or_default().into(),
                    date: date.map(|date| date.to_string()).unwrap_or_default(),
                    ..Default::default()
                };
                let node = reach.node.connect(Role::Administrator)?;
                let links = listing::links(&node, &filter).await?;
                let views: Vec<LinkView> = links.iter().map(LinkView::from).collect();
                output::answer(reach.json, &views, |views| show::list(views))
            }
            Self::Show { link, date, reach } => {
                let date = date.map(|date| date.to_string()).unwrap_or_default();
                let request = v1::GetLinkRequest { link_id: link.to_string(), date };
                let node = reach.node.connect(Role::Administrator)?;
                let answer = node.programme().get_link(request).await.told(&format!("reading link {link}"))?;
                output::answer(reach.json, &LinkDetails::from(&answer), show::one)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        action: ReadAction,
    }

    #[test]
    fn a_list_is_filtered_by_names_of_the_programme() {
        let words = "x list --kind customer --stage rehearsing --member BD1 --date 2026-03-02 --house A";
        let ReadAction::List { kind, stage, .. } = Cli::try_parse_from(words.split(' ')).unwrap().action else {
            panic!("no list")
        };
        assert_eq!((kind, stage), (Some(LinkKindName::Customer), Some(StageName::Rehearsing)));
        let wrong = Cli::try_parse_from(["x", "list", "--stage", "pending", "--house", "A"]).unwrap_err().to_string();
        assert!(wrong.contains("proposed"), "{wrong}");
    }
}
