//! Directions, items and resolutions as the ledger keeps them and as clients read them.

use crossmargin::v1;
use jiff::Timestamp;
use risk::instrument::Instrument;

use super::{
    DirectedLeg, Direction, RequestKey,
    item::{Item, ItemId, ItemKind, Resolution, Settled},
};
use crate::{
    arrangement::cycle_id::CycleId,
    request::CallerRequest,
    wire::{self, WireError},
};

impl Direction {
    /// Reads a direction from this house's own ledger.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub fn read(record: v1::RecordedDirection, arrangement: &str) -> Result<Self, WireError> {
        let field = |name: &str| format!("direction.{name}");
        let member = match record.requested_by_member.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|error| WireError::new(field("requested_by_member"), error))?),
        };
        let expected = record.expected_cycle.as_ref().map(|cycle| CycleId::from_wire(Some(cycle), arrangement));
        let legs = record.legs.iter().map(read_leg).collect::<Result<_, _>>()?;
        Ok(Self {
            number: record.number,
            request: RequestKey {
                member,
                id: record.request_id,
                content: wire::digest(&field("request_content"), &record.request_content)?,
            },
            business_date: wire::date(&field("business_date"), &record.business_date)?,
            by: record.by,
            recorded_at: wire::timestamp(&field("at"), record.at.as_ref())?,
            expected: expected.transpose().map_err(|error| WireError::new(field("expected_cycle"), error))?,
            legs,
        })
    }

    /// The direction as the ledger keeps it.
    #[must_use]
    pub fn to_record(&self, arrangement: &str) -> v1::RecordedDirection {
        let legs =
            self.legs.iter().map(|leg| v1::RecordedLeg { leg: Some(leg.to_wire()), member: leg.member.to_string() });
        v1::RecordedDirection {
            number: self.number,
            request_id: self.request.id.clone(),
            requested_by_member: self.request.member.as_ref().map(ToString::to_string).unwrap_or_default(),
            business_date: self.business_date.to_string(),
            by: self.by.clone(),
            expected_cycle: self.expected.map(|cycle| cycle.to_wire(arrangement)),
            legs: legs.collect(),
            at: Some(wire::to_timestamp(self.recorded_at)),
            request_content: wire::bytes_of(self.request.content),
        }
    }
}

impl DirectedLeg {
    /// The leg as the wire carries it.
    #[must_use]
    pub fn to_wire(&self) -> v1::PositionLeg {
        v1::PositionLeg {
            from_account: self.from.to_string(),
            to_account: self.to.to_string(),
            instrument: self.instrument().to_string(),
            quantity: self.quantity,
        }
    }
}

fn read_leg(record: &v1::RecordedLeg) -> Result<DirectedLeg, WireError> {
    let wrong = |field: &str, error: &dyn std::fmt::Display| WireError::new(format!("direction.legs.{field}"), error);
    let leg = record.leg.as_ref().ok_or_else(|| wrong("leg", &"is missing"))?;
    let contract = match leg.instrument.parse() {
        Ok(Instrument::Future(contract)) => contract,
        Ok(other) => return Err(wrong("instrument", &format!("{other} is not a future"))),
        Err(error) => return Err(wrong("instrument", &error)),
    };
    Ok(DirectedLeg {
        from: leg.from_account.parse().map_err(|error| wrong("from_account", &error))?,
        to: leg.to_account.parse().map_err(|error| wrong("to_account", &error))?,
        contract,
        quantity: leg.quantity,
        member: record.member.parse().map_err(|error| wrong("member", &error))?,
    })
}

impl Item {
    /// Reads an item from this house's own ledger.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub fn read(record: &v1::ReconciliationItem) -> Result<Self, WireError> {
        let wrong = |field: &str, error: &dyn std::fmt::Display| WireError::new(format!("items.{field}"), error);
        Ok(Self {
            id: record.item_id.parse().map_err(|error| wrong("item_id", &error))?,
            kind: match record.kind() {
                v1::ReconciliationKind::Unspecified => return Err(wrong("kind", &"is missing")),
                v1::ReconciliationKind::Differs => ItemKind::Differs,
                v1::ReconciliationKind::SetAside => ItemKind::SetAside,
            },
            business_date: wire::date("items.business_date", &record.business_date)?,
            book_version: record.book_version,
            account: record.account.parse().map_err(|error| wrong("account", &error))?,
            member: record.member.parse().map_err(|error| wrong("member", &error))?,
            instrument: record.instrument.parse().map_err(|error| wrong("instrument", &error))?,
            expected: record.expected_quantity,
            found: record.found_quantity,
            directions: record.direction_numbers.clone(),
            direction_count: record.direction_count,
        })
    }

    /// The item as the wire carries it and the ledger keeps it.
    #[must_use]
    pub fn to_wire(&self) -> v1::ReconciliationItem {
        let kind = match self.kind {
            ItemKind::Differs => v1::ReconciliationKind::Differs,
            ItemKind::SetAside => v1::ReconciliationKind::SetAside,
        };
        v1::ReconciliationItem {
            item_id: self.id.to_string(),
            kind: kind.into(),
            business_date: self.business_date.to_string(),
            book_version: self.book_version,
            account: self.account.to_string(),
            member: self.member.to_string(),
            instrument: self.instrument.to_string(),
            expected_quantity: self.expected,
            found_quantity: self.found,
            direction_numbers: self.directions.clone(),
            direction_count: self.direction_count,
        }
    }
}

impl Settled {
    /// Reads a settled item from this house's own ledger.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub fn read(record: v1::RecordedResolution) -> Result<Self, WireError> {
        let item: ItemId = record.item_id.parse().map_err(|error| WireError::new("resolution.item_id", error))?;
        let at: Timestamp = wire::timestamp("resolution.at", record.at.as_ref())?;
        let resolution = Resolution { by: record.by, at, note: record.note };
        let content = wire::digest("resolution.request_content", &record.request_content)?;
        Ok(Self { request: CallerRequest { id: record.request_id, content }, item, resolution })
    }

    /// The settled item as the ledger keeps it.
    #[must_use]
    pub fn to_record(&self) -> v1::RecordedResolution {
        v1::RecordedResolution {
            request_id: self.request.id.clone(),
            item_id: self.item.to_string(),
            by: self.resolution.by.clone(),
            note: self.resolution.note.clone(),
            at: Some(wire::to_timestamp(self.resolution.at)),
            request_content: wire::bytes_of(self.request.content),
        }
    }
}

impl Resolution {
    /// How an item was settled, as the wire carries it.
    #[must_use]
    pub fn to_wire(&self) -> v1::Resolution {
        v1::Resolution { by: self.by.clone(), at: Some(wire::to_timestamp(self.at)), note: self.note.clone() }
    }
}
