//! What every crate says about itself: the causal thread, the error-chain printer, tracing.
//! It must not know any kind, client or controller.

pub mod chain;
pub mod thread;
pub mod tracing_setup;

pub use chain::chain;
pub use thread::Thread;
