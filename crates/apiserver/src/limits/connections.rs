//! How many connections there are at a time, in all and from one address. It must not know what they carry.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at a time; a `kubectl get --watch` holds one, a browser six. More wait to be accepted.
    pub total: u32,
    /// Connections from one address; more are closed at once, so that one client leaves room for others.
    pub per_address: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { total: 1024, per_address: 512 }
    }
}

/// The connections there are.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    slots: Arc<Semaphore>,
    addresses: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Room for one connection.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    address: IpAddr,
    addresses: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Connections {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, slots: Arc::new(Semaphore::new(limits.total as usize)), addresses: Arc::default() }
    }

    /// Waits until there is room for one more.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Gives the room to a client; `None` if its address has enough connections.
    pub(crate) fn admit(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Slot> {
        let address = address.to_canonical();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let open = addresses.entry(address).or_default();
        if *open >= self.limits.per_address {
            return None;
        }
        *open += 1;
        Some(Slot { _permit: permit, address, addresses: self.addresses.clone() })
    }

    /// Waits until all are closed.
    pub(crate) async fn closed(&self) {
        let _all = self.slots.acquire_many(self.limits.total).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = addresses.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn one_address_leaves_room_for_others() {
        let connections = Connections::new(ConnectionLimits { total: 3, per_address: 2 });
        let (one, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        let first = connections.admit(connections.room().await, one).unwrap();
        let second = connections.admit(connections.room().await, mapped).unwrap();
        assert!(connections.admit(connections.room().await, one).is_none());
        let third = connections.admit(connections.room().await, other).unwrap();
        assert!(connections.room().now_or_never().is_none(), "all slots are taken");
        assert!(connections.closed().now_or_never().is_none());
        drop((first, second, third));
        connections.closed().await;
        assert!(connections.addresses.lock().unwrap().is_empty());
    }
}
