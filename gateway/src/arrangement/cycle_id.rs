//! Names of cycles and rounds.

use std::{fmt, str::FromStr};

use crossmargin::v1;
use jiff::civil::Date;

/// The kind of a margin cycle, in the order of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CycleKind {
    /// Hourly, for information: charges nothing.
    Cur,
    /// Intraday: used in the intraday settlement of both houses.
    Itd,
    /// Preliminary end of day: charges.
    Eod,
    /// Final end of day: adjusts the requirement given in EOD.
    EodXm,
}

/// Names a cycle within an arrangement. Text: `2026-02-13/ITD/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleId {
    /// The business date.
    pub business_date: Date,
    /// The kind of cycle.
    pub kind: CycleKind,
    /// The run, counted from 1; above 1 it is a re-run.
    pub run: u32,
}

/// A round of a cycle, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub u32);

/// Why a message or a text is not a cycle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CycleIdError {
    /// It names another arrangement.
    #[error("cycle.arrangement is {found:?}, but this node serves {expected:?}")]
    Arrangement {
        /// As given.
        found: String,
        /// This node's.
        expected: String,
    },
    /// The business date is not a date.
    #[error("cycle.business_date {0:?} is not a date: YYYY-MM-DD is needed")]
    BusinessDate(String),
    /// The kind is missing or unknown.
    #[error("cycle.kind {0:?} is not a kind of cycle: CUR, ITD, EOD or EODXM is needed")]
    Kind(String),
    /// The run is not a number from 1.
    #[error("cycle.run {0:?} is not a run: a number from 1 is needed")]
    Run(String),
    /// The text has another form.
    #[error("{0:?} is not a cycle: <business date>/<kind>/<run> is needed, such as 2026-02-13/ITD/1")]
    Form(String),
    /// The message has no cycle.
    #[error("cycle is missing")]
    Missing,
}

impl CycleKind {
    /// Whether the house charges by it.
    #[must_use]
    pub fn charges(self) -> bool {
        self != Self::Cur
    }

    /// The kind that a message names; `None` where it names none.
    #[must_use]
    pub fn from_wire(kind: v1::CycleKind) -> Option<Self> {
        match kind {
            v1::CycleKind::Unspecified => None,
            v1::CycleKind::Cur => Some(Self::Cur),
            v1::CycleKind::Itd => Some(Self::Itd),
            v1::CycleKind::Eod => Some(Self::Eod),
            v1::CycleKind::Eodxm => Some(Self::EodXm),
        }
    }
}

impl fmt::Display for CycleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cur => "CUR",
            Self::Itd => "ITD",
            Self::Eod => "EOD",
            Self::EodXm => "EODXM",
        })
    }
}

impl FromStr for CycleKind {
    type Err = CycleIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "CUR" => Ok(Self::Cur),
            "ITD" => Ok(Self::Itd),
            "EOD" => Ok(Self::Eod),
            "EODXM" => Ok(Self::EodXm),
            _ => Err(CycleIdError::Kind(text.to_owned())),
        }
    }
}

impl From<CycleKind> for v1::CycleKind {
    fn from(kind: CycleKind) -> Self {
        match kind {
            CycleKind::Cur => Self::Cur,
            CycleKind::Itd => Self::Itd,
            CycleKind::Eod => Self::Eod,
            CycleKind::EodXm => Self::Eodxm,
        }
    }
}

impl CycleId {
    /// Reads a cycle of `arrangement` from the wire.
    ///
    /// # Errors
    /// Names the field that is missing or wrong.
    pub fn from_wire(wire: Option<&v1::CycleId>, arrangement: &str) -> Result<Self, CycleIdError> {
        let wire = wire.ok_or(CycleIdError::Missing)?;
        if wire.arrangement != arrangement {
            return Err(CycleIdError::Arrangement {
                found: wire.arrangement.clone(),
                expected: arrangement.to_owned(),
            });
        }
        let kind = CycleKind::from_wire(wire.kind()).ok_or_else(|| CycleIdError::Kind(wire.kind.to_string()))?;
        if wire.run == 0 {
            return Err(CycleIdError::Run(wire.run.to_string()));
        }
        Ok(Self { business_date: parse_business_date(&wire.business_date)?, kind, run: wire.run })
    }

    /// The cycle as the wire names it.
    #[must_use]
    pub fn to_wire(self, arrangement: &str) -> v1::CycleId {
        v1::CycleId {
            arrangement: arrangement.to_owned(),
            business_date: self.business_date.to_string(),
            kind: v1::CycleKind::from(self.kind).into(),
            run: self.run,
        }
    }
}

impl fmt::Display for CycleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.business_date, self.kind, self.run)
    }
}

impl FromStr for CycleId {
    type Err = CycleIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let [date, kind, run] = parts[..] else { return Err(CycleIdError::Form(text.to_owned())) };
        let wrong_run = || CycleIdError::Run(run.to_owned());
        let number: u32 = run.parse().map_err(|_| wrong_run())?;
        if number == 0 {
            return Err(wrong_run());
        }
        Ok(Self { business_date: parse_business_date(date)?, kind: kind.parse()?, run: number })
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn parse_business_date(text: &str) -> Result<Date, CycleIdError> {
    iso_date(text).ok_or_else(|| CycleIdError::BusinessDate(text.to_owned()))
}

/// A date in its one spelling, `YYYY-MM-DD`: what is signed, and what names a cycle, has no second form with spaces, signs
/// or fewer digits.
#[must_use]
pub fn iso_date(text: &str) -> Option<Date> {
    Date::strptime("%Y-%m-%d", text).ok().filter(|date| date.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_reads_back_as_written() {
        let cycle: CycleId = "2026-02-13/EODXM/2".parse().unwrap();
        assert_eq!(cycle.to_string(), "2026-02-13/EODXM/2");
        assert_eq!(CycleId::from_wire(Some(&cycle.to_wire("A-B")), "A-B"), Ok(cycle));
    }

    #[test]
    fn a_date_has_one_spelling() {
        assert_eq!(iso_date("2026-02-03"), Some(jiff::civil::date(2026, 2, 3)));
        for text in
            ["2026-2-3", "2026- 2-03", "2026-02- 3", "+2026-02-03", "2026-02-03 ", " 2026-02-03", "2026-02-30", ""]
        {
            assert_eq!(iso_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_wrong_part_is_named() {
        assert!(matches!("2026-02-13/EOD".parse::<CycleId>(), Err(CycleIdError::Form(_))));
        assert!(matches!("2026-02-31/EOD/1".parse::<CycleId>(), Err(CycleIdError::BusinessDate(_))));
        assert!(matches!("2026- 2-13/EOD/1".parse::<CycleId>(), Err(CycleIdError::BusinessDate(_))));
        assert!(matches!("2026-02-13/NOON/1".parse::<CycleId>(), Err(CycleIdError::Kind(_))));
        assert!(matches!("2026-02-13/EOD/0".parse::<CycleId>(), Err(CycleIdError::Run(_))));
        let other = v1::CycleId { arrangement: "X-Y".into(), ..Default::default() };
        assert!(matches!(CycleId::from_wire(Some(&other), "A-B"), Err(CycleIdError::Arrangement { .. })));
    }
}
