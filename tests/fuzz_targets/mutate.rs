//! A small mutator with a seed: the same seed makes the same bytes everywhere.

/// Bytes that parsers are often wrong about.
const TELLING: [u8; 12] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'0', b'9', b'-', b'/', b',', b'"', b'\n'];

/// Makes mutations of values.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A mutator whose bytes follow from the seed and the name.
    pub fn new(seed: u64, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self { state: hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// A mutation of one of the values: one to eight edits, seldom many.
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut data = seeds[self.below(seeds.len())].clone();
        let edits = if self.below(20) == 0 { 64 } else { 1 + self.below(8).min(self.below(8)) };
        for _ in 0..edits {
            self.edit(&mut data, seeds);
        }
        data
    }

    fn edit(&mut self, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(data.len());
        if data.is_empty() {
            data.push(self.byte());
            return;
        }
        match self.below(9) {
            0 => data[at] ^= 1 << self.below(8),
            1 => data[at] = self.byte(),
            2 => data[at] = TELLING[self.below(TELLING.len())],
            // A length, or a number: one more or one less.
            3 => data[at] = data[at].wrapping_add(if self.below(2) == 0 { 1 } else { 0xff }),
            4 => drop(data.drain(at..(at + 1 + self.below(16)).min(data.len()))),
            5 => data.insert(at, TELLING[self.below(TELLING.len())]),
            6 => {
                let piece = self.piece(data);
                data.splice(at..at, piece);
            }
            // A splice of another value.
            7 => {
                let other = self.below(seeds.len());
                let piece = self.piece(&seeds[other]);
                let end = (at + piece.len()).min(data.len());
                data.splice(at..end, piece);
            }
            _ => {
                if self.below(4) == 0 {
                    data.truncate(at);
                } else {
                    let other = self.below(data.len());
                    data.swap(at, other);
                }
            }
        }
    }

    fn piece(&mut self, of: &[u8]) -> Vec<u8> {
        let from = self.below(of.len());
        let length = 1 + self.below(32);
        of.iter().skip(from).take(length).copied().collect()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// A number below `bound`; 0 where that is 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap()
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
