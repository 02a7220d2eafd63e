//! Directions and items as a caller may see them.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use risk::instrument::Instrument;
use tonic::{Request, Status};

use super::member_of;
use crate::{
    arrangement::name::{AccountId, MemberId},
    book::{
        Book,
        direction::{
            Direction,
            item::{Item, Resolution},
            state::Directions,
        },
    },
    identity::caller,
    wire,
};

/// Who looks. What it may not see does not exist for it.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    /// The member whose accounts are shown; `None` for all.
    member: Option<MemberId>,
}

impl Viewer {
    /// The caller of a request.
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        Ok(Self { member: member_of(caller(request)?) })
    }

    pub(super) fn sees_all(&self) -> bool {
        self.member.is_none()
    }

    pub(super) fn sees_member(&self, member: &MemberId) -> bool {
        self.member.as_ref().is_none_or(|own| own == member)
    }

    pub(super) fn sees(&self, direction: &Direction) -> bool {
        direction.legs.iter().any(|leg| self.sees_member(&leg.member))
    }

    /// A direction with the legs that are shown.
    pub(super) fn direction(&self, direction: &Direction, all: &Directions, arrangement: &str) -> v1::Direction {
        let legs = direction.legs.iter().filter(|leg| self.sees_member(&leg.member));
        let set_aside = all.set_aside(direction.number);
        v1::Direction {
            number: direction.number,
            business_date: direction.business_date.to_string(),
            by: direction.by.clone(),
            recorded_at: Some(wire::to_timestamp(direction.recorded_at)),
            legs: legs.map(|leg| leg.to_wire()).collect(),
            expected_cycle: direction.expected.map(|cycle| cycle.to_wire(arrangement)),
            first_cycle: all.first_counted_in(direction).map(|cycle| cycle.to_wire(arrangement)),
            set_aside_by: set_aside.map(|item| item.to_string()).unwrap_or_default(),
            is_in_book: set_aside.is_none() && direction.number <= all.through(),
        }
    }
}

/// An item and how it was settled.
pub(super) fn state(item: &Item, resolution: Option<&Resolution>) -> v1::ReconciliationState {
    v1::ReconciliationState { item: Some(item.to_wire()), resolution: resolution.map(Resolution::to_wire) }
}

/// What an account holds, composed.
pub(super) fn composed(
    directions: &Directions,
    book: &Arc<Book>,
    account: &AccountId,
) -> v1::GetComposedPositionsResponse {
    let held = book.accounts.get(account).into_iter().flat_map(|held| held.iter().map(|held| held.instrument));
    let directed = directions.net().of_account(account).map(|(instrument, _)| instrument);
    let instruments: BTreeSet<Instrument> = held.chain(directed).collect();
    let positions = instruments.into_iter().map(|instrument| {
        let snapshot_quantity = book.quantity(account, instrument);
        let directed_quantity = directions.net().quantity(account, instrument);
        v1::ComposedPosition {
            instrument: instrument.to_string(),
            snapshot_quantity,
            directed_quantity,
            quantity: snapshot_quantity + directed_quantity,
        }
    });
    v1::GetComposedPositionsResponse {
        book_version: book.version,
        business_date: book.business_date.to_string(),
        directions_through: book.directions_through,
        positions: positions.collect(),
    }
}
