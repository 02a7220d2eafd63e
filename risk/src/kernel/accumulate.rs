//! The inner loop: the P&L of two legs over one tile of scenarios.

/// Scenarios in a tile: cache lines of 16.
pub(super) const LANES: usize = 16 * LINES;
const LINES: usize = 2;
/// A bit for each lane of a tile.
pub(super) type LaneMask = u32;

/// The values of one row over one tile: whole cache lines, which the processor fetches together.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Strip(pub(super) [i32; LANES]);

impl Strip {
    pub(super) const ZERO: Self = Self([0; LANES]);
}

/// A position of the narrow path.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Entry {
    pub(super) row: u32,
    pub(super) units: i32,
}

/// P&L over one tile, in output lanes: of the first leg, of the second, of both.
pub(super) type Sums = [OutputLanes; 3];

/// One value an output lane.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct OutputLanes(pub(super) [i64; LANES]);

impl OutputLanes {
    pub(super) const ZERO: Self = Self([0; LANES]);
}

/// Fills the sums of two legs over a tile, and tells for each of the three vectors which lanes are at or below its
/// threshold (bit i: lane i).
///
/// Panics where an entry names a row past the tile. The caller has checked that no sum overflows.
pub(super) type TileSums = fn(&[Strip], &[Entry], &[Entry], &[i64; 3], &mut Sums) -> [LaneMask; 3];

/// How many values are at or below a threshold.
pub(super) type CountAtMost = fn(&[i64], i64) -> usize;

/// Where in a strip the value of an output lane lies.
///
/// The vector units multiply the even 32-bit places and the odd ones apart, so of each line's sixteen output lanes the
/// first eight are the even places and the others the odd: nothing needs to be shuffled back.
pub(super) const fn memory_lane(output_lane: usize) -> usize {
    let (line, lane) = (output_lane / 16, output_lane % 16);
    16 * line + if lane < 8 { 2 * lane } else { 2 * (lane - 8) + 1 }
}

/// [`CountAtMost`] on every machine.
#[inline(always)]
pub(super) fn count_at_most(values: &[i64], threshold: i64) -> usize {
    // Wrapping only in name: there are fewer values than a count can hold. A check here would forbid vectors.
    values.iter().fold(0, |count: usize, value| count.wrapping_add(usize::from(*value <= threshold)))
}

/// [`TileSums`] on every machine.
pub(super) fn portable(
    tile: &[Strip],
    first: &[Entry],
    second: &[Entry],
    thresholds: &[i64; 3],
    sums: &mut Sums,
) -> [LaneMask; 3] {
    let leg = |entries: &[Entry]| {
        let mut places = [0i64; LANES];
        for entry in entries {
            let units = i64::from(entry.units);
            for (sum, value) in places.iter_mut().zip(&tile[entry.row as usize].0) {
                // Wrapping only in name: the caller has bounded every sum. A check here would forbid vectors.
                *sum = sum.wrapping_add(units.wrapping_mul(i64::from(*value)));
            }
        }
        std::array::from_fn(|lane| places[memory_lane(lane)])
    };
    sums[0].0 = leg(first);
    sums[1].0 = leg(second);
    for lane in 0..LANES {
        sums[2].0[lane] = sums[0].0[lane].wrapping_add(sums[1].0[lane]);
    }
    let mut below = [0; 3];
    for (vector, mask) in below.iter_mut().enumerate() {
        for (lane, sum) in sums[vector].0.iter().enumerate() {
            *mask |= LaneMask::from(*sum <= thresholds[vector]) << lane;
        }
    }
    below
}

#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "vector instructions chosen at run time: loads and stores through pointers, and calls that need a detected instruction set"
)]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use super::{Entry, LANES, LaneMask, Strip, Sums};

    /// [`avx2`] for the dispatch table.
    pub(in super::super) fn avx2_after_detection(
        tile: &[Strip],
        first: &[Entry],
        second: &[Entry],
        thresholds: &[i64; 3],
        sums: &mut Sums,
    ) -> [LaneMask; 3] {
        // SAFETY: only `Level::tile_sums` names this function, for a level that exists only after
        // `is_x86_feature_detected!("avx2")` said yes on this machine.
        unsafe { avx2(tile, first, second, thresholds, sums) }
    }

    /// [`avx512`] for the dispatch table.
    pub(in super::super) fn avx512_after_detection(
        tile: &[Strip],
        first: &[Entry],
        second: &[Entry],
        thresholds: &[i64; 3],
        sums: &mut Sums,
    ) -> [LaneMask; 3] {
        // SAFETY: only `Level::tile_sums` names this function, for a level that exists only after
        // `is_x86_feature_detected!("avx512f")` said yes on this machine.
        unsafe { avx512(tile, first, second, thresholds, sums) }
    }

    /// [`super::count_at_most`] for the dispatch table, on vectors of 256 bits.
    pub(in super::super) fn count_avx2_after_detection(values: &[i64], threshold: i64) -> usize {
        #[target_feature(enable = "avx2")]
        fn count(values: &[i64], threshold: i64) -> usize {
            super::count_at_most(values, threshold)
        }
        // SAFETY: as for `avx2_after_detection`.
        unsafe { count(values, threshold) }
    }

    /// [`super::count_at_most`] for the dispatch table, on vectors of 512 bits.
    pub(in super::super) fn count_avx512_after_detection(values: &[i64], threshold: i64) -> usize {
        #[target_feature(enable = "avx512f")]
        fn count(values: &[i64], threshold: i64) -> usize {
            super::count_at_most(values, threshold)
        }
        // SAFETY: as for `avx512_after_detection`.
        unsafe { count(values, threshold) }
    }

    /// Eight scenarios a multiplication: vpmuldq takes the signed low half of each 64-bit place.
    #[target_feature(enable = "avx512f")]
    fn avx512(
        tile: &[Strip],
        first: &[Entry],
        second: &[Entry],
        thresholds: &[i64; 3],
        sums: &mut Sums,
    ) -> [LaneMask; 3] {
        let (first, second) = (leg_512(tile, first), leg_512(tile, second));
        let mut both = first;
        for (sum, other) in both.iter_mut().zip(second) {
            *sum = _mm512_add_epi64(*sum, other);
        }
        let mut below = [0; 3];
        for (vector, parts) in [first, second, both].into_iter().enumerate() {
            let threshold = _mm512_set1_epi64(thresholds[vector]);
            let (lanes, _) = sums[vector].0.as_chunks_mut::<8>();
            for (part, (sum, lanes)) in parts.into_iter().zip(lanes).enumerate() {
                below[vector] |= LaneMask::from(_mm512_cmple_epi64_mask(sum, threshold)) << (8 * part);
                // SAFETY: eight 64-bit lanes are the 64 bytes of a vector; unaligned stores are allowed.
                unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sum) };
            }
        }
        below
    }

    /// For each line its even places, then its odd.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn leg_512(tile: &[Strip], entries: &[Entry]) -> [__m512i; LANES / 8] {
        let mut sums = [_mm512_setzero_si512(); LANES / 8];
        for entry in entries {
            let units = _mm512_set1_epi32(entry.units);
            let (lines, _) = tile[entry.row as usize].0.as_chunks::<16>();
            for (line, values) in lines.iter().enumerate() {
                // SAFETY: sixteen 32-bit places are the 64 bytes of a vector; unaligned loads are allowed.
                let even = unsafe { _mm512_loadu_si512(values.as_ptr().cast()) };
                let odd = _mm512_srli_epi64::<32>(even);
                sums[2 * line] = _mm512_add_epi64(sums[2 * line], _mm512_mul_epi32(even, units));
                sums[2 * line + 1] = _mm512_add_epi64(sums[2 * line + 1], _mm512_mul_epi32(odd, units));
            }
        }
        sums
    }

    /// Four scenarios a multiplication.
    #[target_feature(enable = "avx2")]
    fn avx2(
        tile: &[Strip],
        first: &[Entry],
        second: &[Entry],
        thresholds: &[i64; 3],
        sums: &mut Sums,
    ) -> [LaneMask; 3] {
        let (first, second) = (leg_256(tile, first), leg_256(tile, second));
        let mut both = first;
        for (sum, other) in both.iter_mut().zip(second) {
            *sum = _mm256_add_epi64(*sum, other);
        }
        let mut below = [0; 3];
        for (vector, parts) in [first, second, both].into_iter().enumerate() {
            let threshold = _mm256_set1_epi64x(thresholds[vector]);
            let (lanes, _) = sums[vector].0.as_chunks_mut::<4>();
            let mut above = 0;
            for (part, (sum, lanes)) in parts.into_iter().zip(lanes).enumerate() {
                let greater = _mm256_castsi256_pd(_mm256_cmpgt_epi64(sum, threshold));
                // The mask has four bits.
                above |= _mm256_movemask_pd(greater).cast_unsigned() << (4 * part);
                // SAFETY: four 64-bit lanes are the 32 bytes of a vector; unaligned stores are allowed.
                unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
            }
            below[vector] = !above;
        }
        below
    }

    /// For each line the even places of its two halves, then the odd.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn leg_256(tile: &[Strip], entries: &[Entry]) -> [__m256i; LANES / 4] {
        let mut sums = [_mm256_setzero_si256(); LANES / 4];
        for entry in entries {
            let units = _mm256_set1_epi32(entry.units);
            let (halves, _) = tile[entry.row as usize].0.as_chunks::<8>();
            for (half, values) in halves.iter().enumerate() {
                // SAFETY: eight 32-bit places are the 32 bytes of a vector; unaligned loads are allowed.
                let even = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
                let odd = _mm256_srli_epi64::<32>(even);
                let (line, half) = (half / 2, half % 2);
                let (evens, odds) = (4 * line + half, 4 * line + 2 + half);
                sums[evens] = _mm256_add_epi64(sums[evens], _mm256_mul_epi32(even, units));
                sums[odds] = _mm256_add_epi64(sums[odds], _mm256_mul_epi32(odd, units));
            }
        }
        sums
    }
}
