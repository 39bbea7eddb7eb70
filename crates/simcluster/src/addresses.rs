//! Addresses of simulated pods: each has its own, the same again after a restart, by the pod's name.
//! It must not know what a pod is.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use crate::hash;

/// 10.244.0.0/14: kubeadm's pod network, widened so that a large fleet fits.
const BASE: u32 = u32::from_be_bytes([10, 244, 0, 0]);
const SIZE: u32 = 1 << 18;

/// Who has which address.
#[derive(Default)]
pub(crate) struct Addresses {
    owners: Mutex<HashMap<u32, String>>,
}

impl Addresses {
    /// The address of an owner; asked again, the same one.
    pub(crate) fn of(&self, owner: &str) -> Ipv4Addr {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let first = hash::below(owner, SIZE - 2);
        let free = (0..SIZE - 2)
            .map(|step| 1 + (first + step) % (SIZE - 2))
            .find(|at| owners.get(at).is_none_or(|holder| holder == owner))
            .unwrap_or(1);
        owners.insert(free, owner.to_owned());
        Ipv4Addr::from(BASE + free)
    }

    /// Notes the address that an owner has from before.
    pub(crate) fn keep(&self, owner: &str, address: &str) {
        let Ok(address) = address.parse::<Ipv4Addr>() else { return };
        let offset = u32::from(address).wrapping_sub(BASE);
        if offset < SIZE {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.insert(offset, owner.to_owned());
        }
    }

    /// Frees the address of an owner that is gone.
    pub(crate) fn release(&self, owner: &str, address: &str) {
        let Ok(address) = address.parse::<Ipv4Addr>() else { return };
        let offset = u32::from(address).wrapping_sub(BASE);
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.get(&offset).is_some_and(|holder| holder == owner) {
            owners.remove(&offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_keep_distinct_addresses() {
        let addresses = Addresses::default();
        let first = addresses.of("n/a");
        addresses.keep("n/b", &first.to_string());
        assert_ne!(addresses.of("n/a"), first);
        addresses.release("n/b", &first.to_string());
        assert_eq!(addresses.of("n/c"), addresses.of("n/c"));
    }
}
