//! Many clients that ask at the same time, each its next question when the last one is answered.
//! It must not know how requests reach a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::call::{Call, Request, Target};
use super::https::{Connection, Endpoint};
use crate::error::Error;

/// How far a series of calls goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    first: usize,
    objects: usize,
    duration: Option<Duration>,
}

impl Extent {
    /// One call on each object of these numbers.
    pub(super) fn objects(first: usize, end: usize) -> Self {
        Self { first, objects: end - first, duration: None }
    }

    /// Calls on so many objects, in turn, for a while.
    pub(super) fn lasting(objects: usize, duration: Duration) -> Self {
        Self { first: 0, objects, duration: Some(duration) }
    }
}

/// What came of a series of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) latencies: Vec<Duration>,
    pub(super) took: Duration,
}

/// Which calls are still to be made: shared by all clients of a series.
pub(super) struct Plan {
    call: Call,
    extent: Extent,
    next: AtomicUsize,
    start: Instant,
}

impl Plan {
    pub(super) fn new(call: Call, extent: Extent) -> Arc<Self> {
        Arc::new(Self { call, extent, next: AtomicUsize::new(0), start: Instant::now() })
    }

    /// Writes the next request; false when there is none.
    pub(super) fn next(&self, target: &Target, request: &mut Request) -> bool {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let over = match self.extent.duration {
            Some(duration) => self.start.elapsed() >= duration,
            None => turn >= self.extent.objects,
        };
        if over {
            return false;
        }
        let number = self.extent.first + turn % self.extent.objects;
        // The turn counts from the start of the series, so that every write of it changes something.
        target.write(self.call, (number, turn + 1), request);
        true
    }

    /// What came of it, from the latencies of each client.
    pub(super) fn outcome(&self, latencies: Vec<Vec<Duration>>) -> Outcome {
        Outcome { took: self.start.elapsed(), latencies: latencies.into_iter().flatten().collect() }
    }
}

/// Clients over HTTPS.
pub(super) struct Load {
    connections: Vec<Connection>,
}

impl Load {
    /// Connects so many clients.
    ///
    /// # Errors
    /// When one cannot connect.
    pub(super) async fn connect(endpoint: &Endpoint, clients: usize) -> Result<Self, Error> {
        let mut connections = Vec::new();
        for _ in 0..clients.max(1) {
            connections.push(endpoint.connect().await?);
        }
        Ok(Self { connections })
    }

    /// Makes a series of calls.
    ///
    /// # Errors
    /// When one fails.
    pub(super) async fn run(&mut self, target: &Target, call: Call, extent: Extent) -> Result<Outcome, Error> {
        let plan = Plan::new(call, extent);
        let mut clients = JoinSet::new();
        for connection in self.connections.drain(..) {
            clients.spawn(client(connection, plan.clone(), target.clone()));
        }
        let mut latencies = Vec::new();
        while let Some(ended) = clients.join_next().await {
            let (connection, of_client) = ended.map_err(|error| Error::Refused(error.to_string()))??;
            self.connections.push(connection);
            latencies.push(of_client);
        }
        Ok(plan.outcome(latencies))
    }
}

async fn client(
    mut connection: Connection,
    plan: Arc<Plan>,
    target: Target,
) -> Result<(Connection, Vec<Duration>), Error> {
    let (mut request, mut body, mut latencies) = (Request::default(), Vec::new(), Vec::new());
    while plan.next(&target, &mut request) {
        let start = Instant::now();
        connection.call(&request, &mut body).await?;
        latencies.push(start.elapsed());
    }
    Ok((connection, latencies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_is_called_once() {
        let plan = Plan::new(Call::Create, Extent::objects(10, 12));
        let (target, mut request) = (Target::new("n"), Request::default());
        let mut names = Vec::new();
        while plan.next(&target, &mut request) {
            let object: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            names.push(object["metadata"]["name"].as_str().unwrap().to_owned());
        }
        assert_eq!(names, ["created-000010", "created-000011"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_series_in_time_ends_with_it() {
        let plan = Plan::new(Call::Get, Extent::lasting(2, Duration::from_secs(1)));
        let (target, mut request) = (Target::new("n"), Request::default());
        for name in ["created-000000", "created-000001", "created-000000"] {
            assert!(plan.next(&target, &mut request));
            assert!(request.path.ends_with(name), "{}", request.path);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!plan.next(&target, &mut request));
    }
}
