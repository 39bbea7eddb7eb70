//! Pages and their parts as HTML. maud escapes every text.
//! It must not read anything: it shows what it is given.

pub(crate) mod application;
pub(crate) mod format;
#[cfg(test)]
mod golden;
pub(crate) mod list;
pub(crate) mod object;
pub(crate) mod page;
pub(crate) mod timeline;
