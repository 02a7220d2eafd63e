//! The inner loop: the P&L of two legs over one tile of scenarios.

/// Scenarios in a tile.
pub(super) const LANES: usize = 16;

/// The values of one row over one tile: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Strip(pub(super) [i32; LANES]);

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
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct OutputLanes(pub(super) [i64; LANES]);

/// Fills the sums of two legs over a tile, and tells for each of the three vectors which lanes are at or below its
/// threshold (bit i: lane i).
///
/// Panics where an entry names a row past the tile. The caller has checked that no sum overflows.
pub(super) type TileSums = fn(&[Strip], &[Entry], &[Entry], &[i64; 3], &mut Sums) -> [u16; 3];

/// Where in a strip the value of an output lane lies.
///
/// The vector units multiply the even 32-bit places and the odd ones apart, so output lanes 0 to 7 are the even places
/// and 8 to 15 the odd: nothing needs to be shuffled back.
pub(super) const fn memory_lane(output_lane: usize) -> usize {
    if output_lane < LANES / 2 { 2 * output_lane } else { 2 * (output_lane - LANES / 2) + 1 }
}

/// The same on every machine, in plain Rust.
pub(super) fn portable(
    tile: &[Strip],
    first: &[Entry],
    second: &[Entry],
    thresholds: &[i64; 3],
    sums: &mut Sums,
) -> [u16; 3] {
    let leg = |entries: &[Entry]| {
        let mut even = [0i64; LANES / 2];
        let mut odd = [0i64; LANES / 2];
        for entry in entries {
            let strip = &tile[entry.row as usize].0;
            let units = i64::from(entry.units);
            for place in 0..LANES / 2 {
                even[place] += units * i64::from(strip[2 * place]);
                odd[place] += units * i64::from(strip[2 * place + 1]);
            }
        }
        let mut lanes = [0i64; LANES];
        lanes[..LANES / 2].copy_from_slice(&even);
        lanes[LANES / 2..].copy_from_slice(&odd);
        lanes
    };
    sums[0].0 = leg(first);
    sums[1].0 = leg(second);
    for lane in 0..LANES {
        sums[2].0[lane] = sums[0].0[lane] + sums[1].0[lane];
    }
    let mut below = [0u16; 3];
    for (vector, mask) in below.iter_mut().enumerate() {
        for (lane, sum) in sums[vector].0.iter().enumerate() {
            *mask |= u16::from(*sum <= thresholds[vector]) << lane;
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

    use super::{Entry, OutputLanes, Strip, Sums};

    /// [`avx2`] for the dispatch table.
    pub(in super::super) fn avx2_after_detection(
        tile: &[Strip],
        first: &[Entry],
        second: &[Entry],
        thresholds: &[i64; 3],
        sums: &mut Sums,
    ) -> [u16; 3] {
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
    ) -> [u16; 3] {
        // SAFETY: only `Level::tile_sums` names this function, for a level that exists only after
        // `is_x86_feature_detected!("avx512f")` said yes on this machine.
        unsafe { avx512(tile, first, second, thresholds, sums) }
    }

    /// Eight scenarios a multiplication: vpmuldq takes the signed low half of each 64-bit place.
    #[target_feature(enable = "avx512f")]
    fn avx512(tile: &[Strip], first: &[Entry], second: &[Entry], thresholds: &[i64; 3], sums: &mut Sums) -> [u16; 3] {
        let legs = [leg_512(tile, first), leg_512(tile, second)];
        let both = [_mm512_add_epi64(legs[0][0], legs[1][0]), _mm512_add_epi64(legs[0][1], legs[1][1])];
        let mut below = [0; 3];
        for (vector, [even, odd]) in [legs[0], legs[1], both].into_iter().enumerate() {
            let threshold = _mm512_set1_epi64(thresholds[vector]);
            let low = u16::from(_mm512_cmple_epi64_mask(even, threshold));
            let high = u16::from(_mm512_cmple_epi64_mask(odd, threshold));
            below[vector] = low | (high << 8);
            store_512(&mut sums[vector], even, odd);
        }
        below
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn leg_512(tile: &[Strip], entries: &[Entry]) -> [__m512i; 2] {
        let mut even = _mm512_setzero_si512();
        let mut odd = _mm512_setzero_si512();
        for entry in entries {
            let strip = &tile[entry.row as usize];
            // SAFETY: a strip is 64 bytes, aligned to 64.
            let values = unsafe { _mm512_load_si512(std::ptr::from_ref(strip).cast()) };
            let units = _mm512_set1_epi32(entry.units);
            even = _mm512_add_epi64(even, _mm512_mul_epi32(values, units));
            odd = _mm512_add_epi64(odd, _mm512_mul_epi32(_mm512_srli_epi64::<32>(values), units));
        }
        [even, odd]
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn store_512(lanes: &mut OutputLanes, even: __m512i, odd: __m512i) {
        let start: *mut __m512i = std::ptr::from_mut(lanes).cast();
        // SAFETY: output lanes are 128 bytes, aligned to 64: two vectors of 64 bytes.
        unsafe {
            _mm512_store_si512(start, even);
            _mm512_store_si512(start.add(1), odd);
        }
    }

    /// Four scenarios a multiplication.
    #[target_feature(enable = "avx2")]
    fn avx2(tile: &[Strip], first: &[Entry], second: &[Entry], thresholds: &[i64; 3], sums: &mut Sums) -> [u16; 3] {
        let legs = [leg_256(tile, first), leg_256(tile, second)];
        let mut both = legs[0];
        for (sum, other) in both.iter_mut().zip(legs[1]) {
            *sum = _mm256_add_epi64(*sum, other);
        }
        let mut below = [0; 3];
        for (vector, lanes) in [legs[0], legs[1], both].into_iter().enumerate() {
            let threshold = _mm256_set1_epi64x(thresholds[vector]);
            let start: *mut __m256i = std::ptr::from_mut(&mut sums[vector]).cast();
            let mut above = 0u32;
            for (part, sum) in lanes.into_iter().enumerate() {
                let greater = _mm256_castsi256_pd(_mm256_cmpgt_epi64(sum, threshold));
                // The mask has four bits.
                above |= _mm256_movemask_pd(greater).cast_unsigned() << (4 * part);
                // SAFETY: output lanes are 128 bytes, aligned to 64: four vectors of 32 bytes, and `part` is below 4.
                unsafe { _mm256_store_si256(start.add(part), sum) };
            }
            let [low, high, ..] = (!above).to_le_bytes();
            below[vector] = u16::from_le_bytes([low, high]);
        }
        below
    }

    /// The even places of the strip's two halves, then the odd.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn leg_256(tile: &[Strip], entries: &[Entry]) -> [__m256i; 4] {
        let mut sums = [_mm256_setzero_si256(); 4];
        for entry in entries {
            let start: *const __m256i = std::ptr::from_ref(&tile[entry.row as usize]).cast();
            // SAFETY: a strip is 64 bytes, aligned to 64: two vectors of 32 bytes.
            let (low, high) = unsafe { (_mm256_load_si256(start), _mm256_load_si256(start.add(1))) };
            let units = _mm256_set1_epi32(entry.units);
            sums[0] = _mm256_add_epi64(sums[0], _mm256_mul_epi32(low, units));
            sums[1] = _mm256_add_epi64(sums[1], _mm256_mul_epi32(high, units));
            sums[2] = _mm256_add_epi64(sums[2], _mm256_mul_epi32(_mm256_srli_epi64::<32>(low), units));
            sums[3] = _mm256_add_epi64(sums[3], _mm256_mul_epi32(_mm256_srli_epi64::<32>(high), units));
        }
        sums
    }
}
