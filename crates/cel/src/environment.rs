//! The functions, macros and types every expression can use.
//! It must not know about variables.

use std::sync::{Arc, LazyLock};

use cel::{DeclarationError, Env, extensions};

use crate::{library, macros, rules};

static SHARED: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(build().expect("the libraries declare each name once; a test builds them")));

/// The environment, built once.
pub(crate) fn shared() -> &'static Env {
    &SHARED
}

/// The environment for an evaluation's context.
pub(crate) fn shared_arc() -> Arc<Env> {
    Arc::clone(&SHARED)
}

fn build() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib();
    // cel-go keeps the last of repeated keys, and kro inherits that.
    env.set_error_on_duplicate_map_keys(false);
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::lists)?;
    env.add_extension(extensions::math)?;
    env.add_extension(extensions::encoders)?;
    env.add_extension(macros::extension)?;
    env.add_extension(library::extension)?;
    env.add_extension(rules::extension)?;
    Ok(env)
}
