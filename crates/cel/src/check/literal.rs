//! `Object{…}` and `JSONPatch{…}` in the expressions of mutating policies. They become maps: what is built of them is
//! JSON in the end.
//! It must not know which fields an object has: what does not fit the kind is refused when it is written.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, LiteralValue, MapEntryExpr, MapExpr};

use super::types::CelType as T;
use super::walk::{Walk, undeclared};

/// The name of the variable that allows them; no expression can spell it.
pub(crate) const MUTATIONS: &str = "@mutations";

/// The fields of a JSON patch.
const PATCH_FIELDS: [&str; 4] = ["op", "path", "from", "value"];

impl Walk<'_> {
    /// The type of a struct literal, which is rewritten.
    pub(super) fn literal(&mut self, node: &mut IdedExpr) -> T {
        let id = node.id;
        let Expr::Struct(literal) = &mut node.expr else { return T::Error };
        let name = std::mem::take(&mut literal.type_name);
        let Some(type_) = self.type_of_literal(&name) else { return self.fail(id, undeclared(&name)) };
        let mut map = MapExpr::default();
        for entry in std::mem::take(&mut literal.entries) {
            let EntryExpr::StructField(mut field) = entry.expr else { continue };
            if name == "JSONPatch" && !PATCH_FIELDS.contains(&field.field.as_str()) {
                return self.fail(entry.id, format!("undefined field '{}'", field.field));
            }
            self.expr(&mut field.value);
            let key = IdedExpr { id: entry.id, expr: Expr::Literal(LiteralValue::String(field.field.into())) };
            let made = MapEntryExpr { key, value: field.value, optional: field.optional };
            map.entries.push(IdedEntryExpr { id: entry.id, expr: EntryExpr::MapEntry(made) });
        }
        node.expr = Expr::Map(map);
        type_
    }

    fn type_of_literal(&self, name: &str) -> Option<T> {
        self.variables.get(MUTATIONS)?;
        match name {
            "Object" => Some(T::Named("Object")),
            "JSONPatch" => Some(T::Named("JSONPatch")),
            _ if name.starts_with("Object.") => Some(T::Dyn),
            _ => None,
        }
    }
}
