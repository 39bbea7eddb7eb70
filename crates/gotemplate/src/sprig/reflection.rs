//! What a value is.

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("typeOf", Function::fixed(1, |_, all| Ok(all[0].type_name().into()))),
    ("typeIs", Function::fixed(2, |_, all| Ok((*Arguments(all).text(0)? == all[1].type_name()).into()))),
    ("typeIsLike", Function::fixed(2, type_is_like)),
    ("kindOf", Function::fixed(1, |_, all| Ok(all[0].kind().into()))),
    ("kindIs", Function::fixed(2, |_, all| Ok((*Arguments(all).text(0)? == *all[1].kind()).into()))),
    ("deepEqual", Function::fixed(2, |_, all| Ok((all[0] == all[1]).into()))),
];

/// Also if it is a pointer to such a type.
fn type_is_like(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (wanted, name) = (Arguments(all).text(0)?, all[1].type_name());
    Ok((*wanted == name || name.strip_prefix('*') == Some(&wanted)).into())
}
