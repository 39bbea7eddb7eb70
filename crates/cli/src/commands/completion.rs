//! `mainstay completion`: a script that teaches a shell the commands and options.
//! It must not know them: clap does.

use clap::CommandFactory;

use crate::arguments::{Arguments, Completion};
use crate::output;

pub(crate) fn run(completion: &Completion) {
    let mut script = Vec::new();
    clap_complete::generate(completion.shell, &mut Arguments::command(), "mainstay", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end());
}
