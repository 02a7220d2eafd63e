//! Which directions a snapshot may say that its positions include.

use jiff::civil::Date;

use super::state::Directions;

impl Directions {
    /// Checks the number of the last direction that a snapshot includes. `standing` is that of the book which the
    /// snapshot replaces or amends, where that book is of the same business date or an earlier one.
    ///
    /// # Errors
    /// Which rule it breaks, and a number that would pass.
    pub fn check_through(&self, date: Date, through: u64, standing: u64) -> Result<(), String> {
        if through > self.last() {
            let last = self.last();
            return Err(format!("{through} is above the last direction of this house: at most {last} can be included"));
        }
        if through < standing {
            return Err(format!(
                "{through} is below {standing}, which the positions that stand include: give {standing} or more"
            ));
        }
        if let Some(needed) = self.last_before(date).filter(|needed| through < *needed) {
            return Err(format!(
                "{through} leaves out direction {needed} of an earlier business date: positions of {date} include all \
                 directions of the days before; give {needed} or more"
            ));
        }
        if let Some(first) = self.first_after(date).filter(|first| through >= *first) {
            return Err(format!(
                "{through} includes direction {first} of a later business date than {date}: give less than {first}"
            ));
        }
        Ok(())
    }
}
