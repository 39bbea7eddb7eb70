//! The functions of Sprig, by what they are about. Those that look at the machine are left out: `env`, `expandenv`
//! and `getHostByName`.

mod base32;
mod certificates;
mod crypto;
mod dates;
mod defaults;
mod dicts;
mod encoding;
mod keys;
mod layout;
mod lists;
mod math;
mod passwords;
mod paths;
mod reflection;
mod regular;
mod semantic;
mod slices;
mod strings;
mod urls;
mod words;

use crate::functions::Function;

/// All of them.
pub(crate) const TABLES: &[&[(&str, Function)]] = &[
    certificates::FUNCTIONS,
    crypto::FUNCTIONS,
    dates::FUNCTIONS,
    defaults::FUNCTIONS,
    dicts::FUNCTIONS,
    encoding::FUNCTIONS,
    keys::FUNCTIONS,
    lists::FUNCTIONS,
    math::FUNCTIONS,
    passwords::FUNCTIONS,
    paths::FUNCTIONS,
    reflection::FUNCTIONS,
    regular::FUNCTIONS,
    semantic::FUNCTIONS,
    slices::FUNCTIONS,
    strings::FUNCTIONS,
    urls::FUNCTIONS,
    words::FUNCTIONS,
];

/// The largest list or text that a function makes at once.
pub(crate) const SIZE_LIMIT: usize = 4 * 1024 * 1024;
