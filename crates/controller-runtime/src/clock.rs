//! The seam for time. Everything that asks for the time or waits for it does so here.

use std::time::Duration;

use jiff::Timestamp;

/// Tells the time and waits for it. Cheap to clone.
///
/// Waiting always goes through tokio's clock, so a paused runtime makes both kinds virtual.
#[derive(Clone, Debug)]
pub struct Clock {
    base: Option<(Timestamp, tokio::time::Instant)>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { base: None }
    }

    /// A clock that starts at `start` now and moves with tokio's clock. Must be called within a runtime.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { base: Some((start, tokio::time::Instant::now())) }
    }

    /// The current time.
    #[allow(clippy::disallowed_methods, reason = "this is the seam")]
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.base {
            None => Timestamp::now(),
            Some((start, instant)) => {
                let elapsed = instant.elapsed();
                start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// The current time as Kubernetes writes `metav1.Time`: RFC 3339 in UTC with seconds.
    #[must_use]
    pub fn now_rfc3339(&self) -> String {
        format_seconds(self.now())
    }

    /// The current time as Kubernetes writes `metav1.MicroTime`: six digits of fraction.
    #[must_use]
    pub fn now_micro(&self) -> String {
        format_micros(self.now())
    }

    /// Waits for a duration.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A timestamp as `metav1.Time`.
#[must_use]
pub fn format_seconds(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A timestamp as `metav1.MicroTime`.
#[must_use]
pub fn format_micros(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_moves_with_the_runtime() {
        let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
        clock.sleep(Duration::from_millis(90_900)).await;
        assert_eq!(clock.now_rfc3339(), "2030-01-01T00:01:30Z");
        assert_eq!(clock.now_micro(), "2030-01-01T00:01:30.900000Z");
    }
}
