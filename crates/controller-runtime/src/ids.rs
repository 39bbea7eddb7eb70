//! The seam for randomness: uids and name suffixes.

use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Letters of generated names, as `k8s.io/apimachinery/pkg/util/rand`: no vowels, so that no words come out.
const ALPHANUMS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Makes ids. Cheap to clone; clones draw from one sequence.
#[derive(Clone)]
pub struct Ids {
    rng: Arc<Mutex<StdRng>>,
}

impl Ids {
    /// Ids seeded by the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self::from_rng(rand::make_rng())
    }

    /// The same seed gives the same ids.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::from_rng(StdRng::seed_from_u64(seed))
    }

    fn from_rng(rng: StdRng) -> Self {
        Self { rng: Arc::new(Mutex::new(rng)) }
    }

    /// A version 4 UUID.
    #[must_use]
    pub fn uid(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.lock().fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// A suffix for `generateName`.
    #[must_use]
    pub fn suffix(&self, length: usize) -> String {
        let mut rng = self.lock();
        (0..length).map(|_| char::from(ALPHANUMS[rng.random_range(0..ALPHANUMS.len())])).collect()
    }

    /// A random token of 32 bytes in hexadecimal, for credentials.
    #[must_use]
    pub fn token(&self) -> String {
        let mut bytes = [0_u8; 32];
        self.lock().fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ids")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_ids() {
        let (a, b) = (Ids::seeded(7), Ids::seeded(7));
        assert_eq!((a.uid(), a.suffix(5)), (b.uid(), b.suffix(5)));
        assert_eq!(a.uid().len(), 36);
        assert_ne!(Ids::system().uid(), Ids::system().uid());
    }
}
