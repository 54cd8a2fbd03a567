//! Random numbers from a seed that can be given again.

use std::hash::{BuildHasher, RandomState};

/// SplitMix64: small, and good enough to mix calls with.
pub struct Random(u64);

impl Random {
    /// From `LIVECHECK_SEED`, or from anywhere; the seed is printed.
    pub fn new() -> Random {
        let seed = crate::number("LIVECHECK_SEED", RandomState::new().hash_one(0));
        println!("LIVECHECK_SEED={seed}");
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}
