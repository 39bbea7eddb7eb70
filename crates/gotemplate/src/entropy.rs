//! Random values that are the same each time for the same seed.

use sha2::{Digest, Sha256};

/// A seed, from which any number of random bytes follow. Whoever does not know the seed cannot tell them.
#[derive(Clone, Default)]
pub struct Entropy([u8; 32]);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

impl Entropy {
    /// Random values that follow from a seed.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// Others for everything that is named otherwise, such as the releases of one installation.
    #[must_use]
    pub fn of(&self, name: &str) -> Self {
        Self(Sha256::new_with_prefix(self.0).chain_update([1]).chain_update(name).finalize().into())
    }

    /// The bytes, one after the other.
    pub(crate) fn stream(&self) -> Stream {
        Stream { seed: self.0, block: 0, left: Vec::new() }
    }
}

/// Random bytes.
pub(crate) struct Stream {
    seed: [u8; 32],
    block: u64,
    left: Vec<u8>,
}

impl Stream {
    pub(crate) fn byte(&mut self) -> u8 {
        if let Some(byte) = self.left.pop() {
            return byte;
        }
        let block = Sha256::new_with_prefix(self.seed).chain_update([0]).chain_update(self.block.to_be_bytes());
        self.left = block.finalize().to_vec();
        self.block += 1;
        self.left.pop().unwrap_or_default()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// A number below a limit, each as likely as the others.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit <= 1 {
            return 0;
        }
        let fair = u64::MAX - u64::MAX % limit;
        loop {
            let number = (0..8).fold(0_u64, |number, _| number << 8 | u64::from(self.byte()));
            if number < fair {
                return number % limit;
            }
        }
    }
}
