//! What an expression refers to, read from its syntax tree, and the one rewrite we make to it.
//! It must not evaluate anything.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};

/// A variable and the fields selected on it one after the other: `schema.spec.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldChain {
    /// The variable.
    pub root: String,
    /// The fields, outermost first; the chain ends where an index or a call begins.
    pub fields: Vec<String>,
}

/// The function that hands maps to comprehensions as their sorted keys.
pub(crate) const ORDERED: &str = "@ordered";

/// Names before a dot that are libraries, as in `base64.encode(x)`, not variables.
const LIBRARIES: &[&str] =
    &["base64", "cel", "hash", "json", "jsonpatch", "lists", "math", "optional", "random", "regex", "sets", "strings"];

/// Identifiers that name types, as in `type(x) == int`.
const TYPES: &[&str] =
    &["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "optional_type", "string", "type", "uint"];

/// Every chain that starts at a free variable, comprehension variables left out.
pub(crate) fn chains(expr: &IdedExpr) -> BTreeSet<FieldChain> {
    let mut walk = Walk::default();
    walk.expr(expr);
    walk.found
}

#[derive(Default)]
struct Walk {
    bound: Vec<String>,
    found: BTreeSet<FieldChain>,
}

impl Walk {
    fn expr(&mut self, node: &IdedExpr) {
        if let Some(chain) = chain_of(node) {
            return self.chain(chain);
        }
        match &node.expr {
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => list.elements.iter().for_each(|item| self.expr(item)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(literal) => literal.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Select(select) => self.expr(&select.operand),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn chain(&mut self, chain: FieldChain) {
        let named = chain.fields.is_empty() && TYPES.contains(&chain.root.as_str());
        if !named && !chain.root.starts_with('@') && !self.bound.contains(&chain.root) {
            self.found.insert(chain);
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.expr(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.expr(&entry.key);
                self.expr(&entry.value);
            }
        }
    }

    fn call(&mut self, call: &CallExpr) {
        if let Some(target) = &call.target
            && !matches!(&target.expr, Expr::Ident(name) if LIBRARIES.contains(&name.as_str()))
        {
            self.expr(target);
        }
        call.args.iter().for_each(|arg| self.expr(arg));
    }

    fn comprehension(&mut self, node: &ComprehensionExpr) {
        self.expr(&node.iter_range);
        self.expr(&node.accu_init);
        let depth = self.bound.len();
        self.bound.extend([node.iter_var.clone(), node.accu_var.clone()]);
        for part in [&node.loop_cond, &node.loop_step, &node.result] {
            self.expr(part);
        }
        self.bound.truncate(depth);
    }
}

/// The chain a node spells, optional selections (`a.?b`) and presence tests included.
fn chain_of(node: &IdedExpr) -> Option<FieldChain> {
    match &node.expr {
        Expr::Ident(root) => Some(FieldChain { root: root.trim_start_matches('.').to_owned(), fields: Vec::new() }),
        Expr::Select(select) => extended(&select.operand, &select.field),
        Expr::Call(call) if call.func_name == operators::OPT_SELECT => match call.args.as_slice() {
            [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] => {
                extended(operand, field.inner())
            }
            _ => None,
        },
        _ => None,
    }
}

fn extended(operand: &IdedExpr, field: &str) -> Option<FieldChain> {
    let mut chain = chain_of(operand)?;
    chain.fields.push(field.to_owned());
    Some(chain)
}

/// Makes every comprehension walk maps in the order of their keys: the hash maps underneath have
/// another order in every run, and the same input must give the same bytes.
pub(crate) fn make_deterministic(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| make_deterministic(target));
            call.args.iter_mut().for_each(make_deterministic);
            literal_to_the_right(call);
        }
        Expr::Comprehension(comprehension) => order(comprehension),
        Expr::List(list) => list.elements.iter_mut().for_each(make_deterministic),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| order_entry(&mut entry.expr)),
        Expr::Struct(literal) => literal.entries.iter_mut().for_each(|entry| order_entry(&mut entry.expr)),
        Expr::Select(select) => make_deterministic(&mut select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

/// Turns `{…} == x` into `x == {…}`: a map we bound knows how to compare itself to any other map,
/// while the map that a literal makes only knows its own sort.
fn literal_to_the_right(call: &mut CallExpr) {
    let compares = [operators::EQUALS, operators::NOT_EQUALS].contains(&call.func_name.as_str());
    if compares && matches!(call.args.first(), Some(IdedExpr { expr: Expr::Map(_), .. })) {
        call.args.swap(0, 1);
    }
}

fn order_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => make_deterministic(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            make_deterministic(&mut entry.key);
            make_deterministic(&mut entry.value);
        }
    }
}

fn order(node: &mut ComprehensionExpr) {
    let parts = [&mut node.iter_range, &mut node.accu_init, &mut node.loop_cond, &mut node.loop_step, &mut node.result];
    parts.into_iter().for_each(make_deterministic);
    if !matches!(node.iter_range.expr, Expr::List(_)) {
        let id = node.iter_range.id;
        let range = std::mem::take(&mut node.iter_range);
        let call = CallExpr { func_name: ORDERED.to_owned(), target: None, args: vec![range] };
        node.iter_range = IdedExpr { id, expr: Expr::Call(call) };
    }
}
