//! Go's `text/template` with the functions of Sprig: what Helm charts, ApplicationSets and notifications are written
//! in. Held against the Go implementation, errors included.
//!
//! Pure: the time and the seed of random values come from the caller, and the same input gives the same text. Hostile
//! templates end with an error, by limits on steps, depth and size.
//!
//! ```
//! use mainstay_gotemplate::{Environment, Functions, Templates, Value};
//!
//! let mut templates = Templates::new(Functions::sprig());
//! templates.add("greeting", "Hello, {{ .name | default \"world\" | upper }}!").unwrap();
//! let data = Value::from(&serde_json::json!({"name": "Ada"}));
//! assert_eq!(templates.render("greeting", data, &Environment::default()).unwrap(), "Hello, ADA!");
//! ```

mod arguments;
mod ast;
mod builtins;
mod encode;
mod entropy;
mod error;
mod exec;
mod format;
mod functions;
mod lex;
mod number;
mod parse;
mod sprig;
mod templates;
mod value;

pub use arguments::Arguments;
pub use encode::{Style, from_yaml, to_go_json, to_go_yaml};
pub use entropy::Entropy;
pub use error::{Error, Fault};
pub use exec::Machine;
pub use format::{display, quote, sprintf};
pub use functions::{Function, Functions, Run};
pub use templates::{Environment, Limits, MissingKey, Templates};
pub use value::{Dict, Items, Object, Value};

/// How much stack a template at the default limits may need, in bytes.
const STACK: usize = 256 * 1024 * 1024;

/// Runs something that renders templates on a thread whose stack is deep enough for the default limits.
///
/// # Errors
/// When the machine gives no thread.
pub fn on_deep_stack<T: Send>(run: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run)?;
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}
