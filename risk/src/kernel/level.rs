//! Which instruction set the kernel runs on: chosen at run time, without effect on any result.

use super::accumulate::{self, CountAtMost, TileSums};

/// An instruction set that this machine has. It can only be made by asking the machine, which is what makes running
/// on it sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The level that every machine has.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The fastest level of this machine.
    #[must_use]
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::PORTABLE)
    }

    /// All levels of this machine, the slowest first. Every one gives the same bits.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                levels.push(Self(Set::Avx2));
            }
            if std::arch::is_x86_feature_detected!("avx512f") {
                levels.push(Self(Set::Avx512));
            }
        }
        levels
    }

    /// The level's name: `portable`, `avx2` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// The tile function of this level.
    pub(super) fn tile_sums(self) -> TileSums {
        match self.0 {
            Set::Portable => accumulate::portable,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => accumulate::x86::avx2_after_detection,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => accumulate::x86::avx512_after_detection,
        }
    }

    /// The counting function of this level.
    pub(super) fn count_at_most(self) -> CountAtMost {
        match self.0 {
            Set::Portable => accumulate::count_at_most,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => accumulate::x86::count_avx2_after_detection,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => accumulate::x86::count_avx512_after_detection,
        }
    }
}
