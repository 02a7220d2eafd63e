//! Verifying a package from its bytes and the public keys of both houses.

use std::fmt;

use crossmargin::v1;
use prost::Message;

use super::{PACKAGE_BYTES_MAX, Verified, VerifiedLink, digest_of, place_of};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        envelope::{self, EnvelopeError},
        evidence::{Evidence, RegistryContent, Statement, Totals},
        leaf,
        leg::{Leg, Pair},
        link::{LinkMode, LinkTerms},
        matching::Sum,
        name::{HouseId, MemberId},
        terms::Arrangement,
        tree::{Proof, Siblings, verify_proof},
    },
    problem::{Collector, Problems},
};

/// Verifies a package of `arrangement`. `verify` is given the house, the key id, the signed bytes and the signature.
///
/// It shows that both houses signed the statement and one of them that the member is suspended in default; that each link's leaf is in
/// the agreed tree, its figures follow from each other, and terms and positions are those that the leaf names; and that the
/// bytes are the canonical ones. [`super::NOT_SHOWN`] says what it does not.
///
/// # Errors
/// Everything that is wrong, by field.
pub fn verify<E: fmt::Display>(
    bytes: &[u8],
    arrangement: &Arrangement,
    verify: impl Fn(&HouseId, &str, &[u8], &[u8]) -> Result<(), E>,
) -> Result<Verified, Problems> {
    let wire = read(bytes)?;
    let mut check = Check { arrangement, verify, problems: Collector::default() };
    let arrangement_id = arrangement.parties.arrangement.as_str();
    if wire.arrangement != arrangement_id {
        check.problems.add("arrangement", format!("is {:?}, but {arrangement_id:?} is verified", wire.arrangement));
    }
    let member = check.problems.check(|| "member".into(), wire.member.parse::<MemberId>());
    check.suspension(&wire.suspension_id, wire.suspension_entry.as_ref(), member.as_ref());
    let statement = check.statements(&wire);
    let links = check.links(&wire.links, member.as_ref(), statement.as_ref().map(|(statement, _)| statement));
    let (live, rehearsal) = check.totals(&wire, &links);
    check.problems.finish(())?;
    let (Some(member), Some((statement, digest))) = (member, statement) else {
        return Err(Problems::one("package", "is incomplete"));
    };
    Ok(Verified {
        digest: Digest::of(bytes),
        member,
        suspension: wire.suspension_id,
        cycle: statement.cycle,
        round: statement.round,
        statement: digest,
        links,
        live,
        rehearsal,
    })
}

fn read(bytes: &[u8]) -> Result<v1::DefaultPackage, Problems> {
    if bytes.len() > PACKAGE_BYTES_MAX {
        let why = format!("has {} bytes, at most {PACKAGE_BYTES_MAX} are allowed", bytes.len());
        return Err(Problems::one("package", why));
    }
    let wire = crate::wire::decode::<v1::DefaultPackage>(bytes);
    let wire = wire.map_err(|error| Problems::one("package", format!("is no default package: {error}")))?;
    if wire.encode_to_vec() != bytes {
        let why = "is not in its canonical form: it holds what is not described, or fields in another order or form";
        return Err(Problems::one("package", why));
    }
    Ok(wire)
}

struct Check<'a, V> {
    arrangement: &'a Arrangement,
    verify: V,
    problems: Collector,
}

impl<E: fmt::Display, V: Fn(&HouseId, &str, &[u8], &[u8]) -> Result<(), E>> Check<'_, V> {
    fn open(&mut self, field: &str, envelope: Option<&v1::SignedEnvelope>) -> Option<(Leg, Evidence, Digest)> {
        let Some(envelope) = envelope else {
            self.problems.add(field, "is missing");
            return None;
        };
        let opened: Result<_, EnvelopeError> = envelope::open(envelope, &self.arrangement.parties, &self.verify);
        let opened = self.problems.check(|| field.to_owned(), opened)?;
        Some((opened.signer, opened.evidence, opened.digest))
    }

    /// The entry is the one that the id names, and suspends the member in default at the place that the id names.
    fn suspension(&mut self, id: &str, entry: Option<&v1::SignedEnvelope>, member: Option<&MemberId>) {
        let named = place_of(id);
        if named.is_none() {
            let why = format!("{id:?} is no suspension: <house>/<sequence>/<place> is needed, as HOUSE/12/0");
            self.problems.add("suspension_id", why);
        }
        let Some((signer, evidence, _)) = self.open("suspension_entry", entry) else { return };
        let Evidence::RegistryEntry(entry) = evidence else {
            self.problems.add("suspension_entry", "is no entry of a registry log");
            return;
        };
        let Some((house, sequence, place)) = named else { return };
        let found = (self.arrangement.parties.houses[signer].as_str(), entry.sequence);
        if found != (house, sequence) {
            let why = format!("is entry {} of {}, but suspension_id is {id}", found.1, found.0);
            self.problems.add("suspension_entry", why);
        } else if let Err(why) = suspends(&entry.content, place, member) {
            self.problems.add("suspension_entry", why);
        }
    }

    /// Both houses signed one statement, and it is that of the package's cycle.
    fn statements(&mut self, wire: &v1::DefaultPackage) -> Option<(Statement, Digest)> {
        let mut signed = Pair::<Option<(Statement, Digest)>>::default();
        let sides = [
            (Leg::Treasury, "treasury_statement", &wire.treasury_statement),
            (Leg::Futures, "futures_statement", &wire.futures_statement),
        ];
        for (leg, field, envelope) in sides {
            let Some((signer, evidence, digest)) = self.open(field, envelope.as_ref()) else { continue };
            match evidence {
                Evidence::Statement(statement) if signer == leg => signed[leg] = Some((statement, digest)),
                Evidence::Statement(_) => {
                    let house = &self.arrangement.parties.houses[leg];
                    self.problems.add(field, format!("is not signed by {house}"));
                }
                other => self.problems.add(field, format!("is a {:?}, no statement", other.kind())),
            }
        }
        let Pair { treasury, futures } = signed.both()?;
        if treasury.1 != futures.1 {
            self.problems.add("futures_statement", "is over other content than treasury_statement: nothing is agreed");
            return None;
        }
        if wire.statement != treasury.1.as_bytes() {
            self.problems.add("statement", format!("is not the digest {} of what both houses signed", treasury.1));
        }
        let id = self.arrangement.parties.arrangement.as_str();
        let cycle = self.problems.check(|| "cycle".into(), CycleId::from_wire(wire.cycle.as_ref(), id))?;
        if cycle != treasury.0.cycle {
            self.problems.add("cycle", format!("is {cycle}, but both houses signed {}", treasury.0.cycle));
        }
        Some(treasury)
    }

    fn links(
        &mut self,
        rows: &[v1::DefaultedLink],
        member: Option<&MemberId>,
        statement: Option<&Statement>,
    ) -> Vec<VerifiedLink> {
        if rows.is_empty() {
            self.problems.add("links", "is empty: a member without an agreed link needs no package");
        }
        let mut terms = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            match LinkTerms::from_wire(&row.terms.clone().unwrap_or_default()) {
                Ok(read) => terms.push(read),
                Err(wrong) => wrong.into_iter().for_each(|problem| {
                    self.problems.add(format!("links[{at}].terms.{}", problem.field), problem.reason);
                }),
            }
        }
        if terms.len() < rows.len() {
            return Vec::new();
        }
        for (row, pair) in terms.windows(2).enumerate() {
            if pair[0].link >= pair[1].link {
                self.problems.add(format!("links[{}].terms.link_id", row + 1), "links must ascend without repetition");
            }
        }
        let mut verified = Vec::with_capacity(rows.len());
        for (at, (row, terms)) in rows.iter().zip(terms).enumerate() {
            if member.is_some_and(|member| *member != terms.member) {
                let why = format!("is {}, but the member in default is another", terms.member);
                self.problems.add(format!("links[{at}].terms.member"), why);
            }
            verified.extend(self.link(at, row, terms, statement));
        }
        verified
    }

    fn link(
        &mut self,
        at: usize,
        row: &v1::DefaultedLink,
        terms: LinkTerms,
        statement: Option<&Statement>,
    ) -> Option<VerifiedLink> {
        let place = |field: &str| format!("links[{at}].{field}");
        let proof = self.problems.check(|| place("proof"), proof(&row.proof))?;
        if let Some(statement) = statement {
            let shown = verify_proof(statement.agreed_root, &terms.link, &row.leaf, &proof);
            self.problems.check(|| place("proof"), shown)?;
        }
        let leaf = self.problems.check(|| place("leaf"), crate::wire::decode::<v1::MarginLeaf>(row.leaf.clone()))?;
        if leaf.link_id != terms.link.as_str() {
            self.problems.add(place("leaf"), format!("is that of link {:?}, not of {}", leaf.link_id, terms.link));
        }
        let follows = leaf::check(&leaf, &self.arrangement.bounds, leaf::requirement_cents);
        self.problems.check(|| place("leaf"), follows);
        if leaf.terms != terms.digest().as_bytes() {
            self.problems.add(place("terms"), "are not those that the leaf names by digest");
        }
        if row.mode != leaf.mode {
            self.problems.add(place("mode"), format!("is {}, but the leaf says {}", row.mode, leaf.mode));
        }
        let sides = [
            (Leg::Treasury, "treasury_positions", &row.treasury_positions, &leaf.treasury_positions),
            (Leg::Futures, "futures_positions", &row.futures_positions, &leaf.futures_positions),
        ];
        let mut positions = Pair::<Option<v1::PositionColumns>>::default();
        for (leg, field, columns, digest) in sides {
            let checked = columns_of(columns.as_ref(), terms.accounts[leg].as_str(), digest);
            positions[leg] = self.problems.check(|| place(field), checked).cloned();
        }
        let mode = match leaf.mode() {
            v1::LinkMode::Live => LinkMode::Live,
            v1::LinkMode::Suspended => LinkMode::Suspended,
            // What is none of these is refused with the figures of the leaf.
            v1::LinkMode::Rehearsal | v1::LinkMode::Unspecified => LinkMode::Rehearsal,
        };
        Some(VerifiedLink { terms, mode, leaf, positions: positions.both()? })
    }

    /// The totals are the sums over the links.
    fn totals(&mut self, wire: &v1::DefaultPackage, links: &[VerifiedLink]) -> (Totals, Totals) {
        let (mut live, mut rehearsal) = (Sum::default(), Sum::default());
        for link in links {
            let sum = if link.mode == LinkMode::Live { &mut live } else { &mut rehearsal };
            if sum.add(&link.leaf).is_none() {
                self.problems.add("links", format!("the totals are out of range at link {}", link.terms.link));
            }
        }
        // Sums over links of which some could not be read would name a second fault where there is one.
        if links.len() == wire.links.len() {
            for (field, found, sum) in
                [("live_totals", wire.live_totals, &live), ("rehearsal_totals", wire.rehearsal_totals, &rehearsal)]
            {
                if found != Some(sum.totals.to_wire()) {
                    self.problems.add(field, "are not the sums over the links");
                }
            }
        }
        (live.totals, rehearsal.totals)
    }
}

/// Whether the change at a place of an entry suspends the member in default.
fn suspends(content: &RegistryContent, place: u32, member: Option<&MemberId>) -> Result<(), String> {
    use v1::{programme_change::Change, scope::Scope};
    let RegistryContent::Changes(batch) = content else {
        return Err("adopts the arrangement and suspends nobody".into());
    };
    let change = usize::try_from(place).ok().and_then(|place| batch.changes.get(place));
    let change = change.ok_or_else(|| format!("has {} changes, and none at place {place}", batch.changes.len()))?;
    let Some(Change::Suspension(suspension)) = &change.change else {
        return Err(format!("records no suspension at place {place}"));
    };
    if !suspension.is_default {
        return Err(format!("suspends at place {place}, but not a member in default"));
    }
    match suspension.scope.as_ref().and_then(|scope| scope.scope.as_ref()) {
        Some(Scope::Member(suspended)) if member.is_none_or(|member| suspended == member.as_str()) => Ok(()),
        Some(Scope::Member(suspended)) => Err(format!("suspends {suspended:?} at place {place}, another member")),
        _ => Err(format!("suspends no member at place {place}")),
    }
}

fn proof(branches: &[v1::ProofBranch]) -> Result<Proof, String> {
    let sibling = |child: &v1::TreeChild| -> Result<(u8, Digest), String> {
        let step = u8::try_from(child.step).map_err(|_| format!("{} is no step: 0 to 15 is needed", child.step))?;
        let hash = Digest::try_from(&child.hash[..]).map_err(|error| error.to_string())?;
        Ok((step, hash))
    };
    let branch = |branch: &v1::ProofBranch| branch.siblings.iter().map(sibling).collect::<Result<Siblings, _>>();
    Ok(Proof { branches: branches.iter().map(branch).collect::<Result<_, _>>()? })
}

/// The columns of one account, in the one form that they have, with the digest that the leaf names.
fn columns_of<'a>(
    columns: Option<&'a v1::PositionColumns>,
    account: &str,
    digest: &[u8],
) -> Result<&'a v1::PositionColumns, String> {
    let columns = columns.ok_or("are missing")?;
    if columns.accounts != [account] {
        return Err(format!("are those of accounts {:?}, not of {account} alone", columns.accounts));
    }
    let count = columns.quantities.len();
    let is_plain = columns.instruments.len() == count
        && columns.position_counts.iter().map(|count| *count as usize).eq([count])
        && columns.instrument_indexes.iter().map(|index| *index as usize).eq(0..count);
    if !is_plain {
        return Err(
            "are not the columns of one account, each instrument once and in the order of the dictionary".into()
        );
    }
    let found = digest_of(columns);
    if digest != found.as_bytes() {
        return Err(format!("have digest {found}, which is not the one that the leaf names"));
    }
    Ok(columns)
}
