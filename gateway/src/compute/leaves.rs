//! The margins of every link, as the leaves of a claim.

use crossmargin::v1;
use prost::bytes::Bytes;
use rayon::prelude::*;
use risk::{
    margin::{HouseMargins, JointMargin, LinkPositions, ReductionTerms, joint_margins},
    money::Usd,
};

use super::{
    ComputeError,
    positions::{LegDigests, Legs},
    valuation::Valued,
};
use crate::{
    arrangement::{digest::Digest, leaf, name::LinkId},
    wire,
};

/// Links in one block of the kernel: enough to share the rows in the caches.
pub(super) const BLOCK_LINKS: usize = 256;

/// 1e-8 USD in a cent.
const E8_PER_CENT: i128 = 1_000_000;

/// The margins of every link, in order: at most what the houses' overrides let be granted.
pub(super) fn margins(
    valued: &Valued,
    links: &[Legs<'_>],
    terms: &ReductionTerms,
) -> Result<Vec<JointMargin>, ComputeError> {
    let blocks = links.par_chunks(BLOCK_LINKS).map(|block| {
        let positions = block
            .iter()
            .map(|link| {
                let treasury = valued.positions(link.holdings.treasury)?;
                Ok(LinkPositions::new(treasury, valued.positions(link.holdings.futures)?))
            })
            .collect::<Result<Vec<_>, ComputeError>>()?;
        let margins = joint_margins(&valued.models, &positions, terms).map_err(ComputeError::new)?;
        let granted =
            margins.into_iter().zip(block).map(|(margin, link)| margin.granting_at_most(link.cap, terms.bounds));
        Ok(granted.collect())
    });
    Ok(blocks.collect::<Result<Vec<Vec<_>>, ComputeError>>()?.into_iter().flatten().collect())
}

/// The leaves of every link.
pub(super) fn encode(
    links: &[Legs<'_>],
    digests: &[LegDigests],
    margins: &[JointMargin],
) -> Result<Vec<(LinkId, Bytes)>, ComputeError> {
    (links, digests, margins)
        .into_par_iter()
        .map(|(link, digests, margin)| {
            let leaf = leaf_of(link, digests, margin)
                .ok_or_else(|| ComputeError::new(format!("the margin of link {} is out of range", link.terms.link)))?;
            Ok((link.terms.link.clone(), leaf::encode(&leaf)))
        })
        .collect()
}

fn leaf_of(link: &Legs<'_>, digests: &LegDigests, margin: &JointMargin) -> Option<v1::MarginLeaf> {
    let digest = |digest: Digest| wire::bytes_of(digest);
    Some(v1::MarginLeaf {
        link_id: link.terms.link.to_string(),
        terms: digest(link.terms.digest()),
        mode: v1::LinkMode::from(link.mode).into(),
        treasury_positions: digest(digests.positions.treasury),
        futures_positions: digest(digests.positions.futures),
        market: digest(digests.market),
        override_bp: link.cap.basis_points().into(),
        ..figures(margin)?
    })
}

/// A leaf with its figures alone; `None` where they are out of range.
pub(crate) fn figures(margin: &JointMargin) -> Option<v1::MarginLeaf> {
    let model = |side: usize| {
        let HouseMargins { first_leg_alone, second_leg_alone, combined } = margin.by_house[side];
        Some(v1::ModelFigures {
            treasury_alone_e8: e8(first_leg_alone)?,
            futures_alone_e8: e8(second_leg_alone)?,
            combined_e8: e8(combined)?,
            factor_bp: margin.factors[side].basis_points().into(),
        })
    };
    Some(v1::MarginLeaf {
        treasury_house: Some(model(0)?),
        futures_house: Some(model(1)?),
        applied_factor_bp: margin.applied.basis_points().into(),
        treasury_requirement_cents: cents(margin.requirements[0])?,
        futures_requirement_cents: cents(margin.requirements[1])?,
        treasury_standalone_cents: cents(margin.stand_alone[0])?,
        futures_standalone_cents: cents(margin.stand_alone[1])?,
        shortfall_cents: cents(margin.shortfall.ceil_to_cent())?,
        treasury_charges_cents: cents(margin.charges[0])?,
        futures_charges_cents: cents(margin.charges[1])?,
        ..v1::MarginLeaf::default()
    })
}

fn e8(amount: Usd) -> Option<i64> {
    i64::try_from(amount.units()).ok()
}

/// An amount that is whole in cents.
fn cents(amount: Usd) -> Option<i64> {
    i64::try_from(amount.units() / E8_PER_CENT).ok()
}
