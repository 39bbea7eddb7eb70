//! One file per command.

pub(crate) mod app;
pub(crate) mod bench;
pub(crate) mod completion;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod inspect;
pub(crate) mod new;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod up;
pub(crate) mod wait;
