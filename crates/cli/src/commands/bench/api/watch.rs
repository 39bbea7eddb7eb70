//! How long after a create was sent its event has come and is read. It must not know other measurements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::call::{Call, Request, Target, number_of};
use super::failed;
use super::https::{Connection, Endpoint};
use crate::error::Error;

/// Time between two creates: 50 in a second.
const PACE: Duration = Duration::from_millis(20);
/// Time the last event has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The latencies of creates made at an even pace for a while.
///
/// # Errors
/// When a call fails or an event does not come.
pub(super) async fn latencies(
    endpoint: &Endpoint,
    target: &Target,
    duration: Duration,
) -> Result<Vec<Duration>, Error> {
    let mut watcher = endpoint.connect().await?;
    let limited = Request { path: format!("{}?limit=1", target.list().path), ..target.list() };
    let listed: Value = serde_json::from_slice(&watcher.expect(&limited).await?)
        .map_err(|error| failed(format!("a list is no JSON: {error}")))?;
    let revision = listed.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or("0").to_owned();
    watcher.open(&target.watch(&revision)).await?;
    let wanted = usize::try_from(duration.as_millis() / PACE.as_millis()).unwrap_or(usize::MAX).max(1);
    let sent: Sent = Arc::new(Mutex::new(vec![None; wanted]));
    let writer = tokio::spawn(write(endpoint.connect().await?, target.clone(), sent.clone()));
    let watched = timeout(duration + PATIENCE, read(watcher, &sent, wanted)).await;
    writer.await.map_err(|error| failed(error.to_string()))??;
    watched.map_err(|_| failed(format!("not all of {wanted} events came")))?
}

/// When each create was sent.
type Sent = Arc<Mutex<Vec<Option<Instant>>>>;

async fn write(mut connection: Connection, target: Target, sent: Sent) -> Result<(), Error> {
    let wanted = sent.lock().unwrap_or_else(PoisonError::into_inner).len();
    let (mut request, mut body) = (Request::default(), Vec::new());
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..wanted {
        target.write(Call::Create, (number, 1), &mut request);
        ticks.tick().await;
        sent.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(Instant::now());
        connection.call(&request, &mut body).await?;
    }
    Ok(())
}

async fn read(mut connection: Connection, sent: &Sent, wanted: usize) -> Result<Vec<Duration>, Error> {
    let (mut buffer, mut latencies) = (Vec::new(), Vec::with_capacity(wanted));
    while latencies.len() < wanted {
        if !connection.piece(&mut buffer).await? {
            return Err(failed(format!("the watch ended after {} events", latencies.len())));
        }
        let whole = buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in buffer[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).map_err(|error| failed(error.to_string()))?;
            let seen = Instant::now();
            let number = number_of(&event["object"]).filter(|_| event["type"] == "ADDED");
            let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            let at = number.and_then(|number| *sent.get(number)?);
            latencies.push(seen - at.ok_or_else(|| failed(format!("an event of nothing that was sent: {event}")))?);
        }
        buffer.drain(..whole);
    }
    Ok(latencies)
}
