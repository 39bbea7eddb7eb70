//! Properties that hold for every input, checked from outside of the crate.

mod objects;
mod texts;
