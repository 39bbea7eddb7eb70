//! The walk over an expression that finds every part's type.
//! It must not know where types come from.
//!
//! On the way it rewrites what the evaluator would not understand: fields get the names they have in JSON, and
//! equality of lists and maps becomes a call that knows what kind of list it compares.

use std::collections::HashMap;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapExpr, SelectExpr, operators};

use super::declarations::{is_global, named_type, overloads};
use super::infer::Infer;
use super::types::CelType;
use super::{CelType as T, Variables};
use crate::library::equality;

/// The state of one check.
pub(super) struct Walk<'a> {
    pub(super) variables: &'a Variables,
    /// Variables of the comprehensions around the current node, innermost last.
    pub(super) scope: Vec<(String, CelType)>,
    pub(super) infer: Infer,
    pub(super) types: HashMap<u64, CelType>,
    pub(super) errors: Vec<(u64, String)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self { variables, scope: Vec::new(), infer: Infer::default(), types: HashMap::new(), errors: Vec::new() }
    }

    pub(super) fn fail(&mut self, id: u64, message: String) -> CelType {
        self.errors.push((id, message));
        T::Error
    }

    /// The type of a node and of all below it.
    pub(super) fn expr(&mut self, node: &mut IdedExpr) -> CelType {
        let id = node.id;
        let type_ = match &mut node.expr {
            Expr::Ident(name) => self.ident(id, name),
            Expr::Literal(literal) => literal_type(literal),
            Expr::Select(_) => self.select(node),
            Expr::Call(call) => self.call(id, call),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) => self.literal(node),
            Expr::Unspecified => T::Dyn,
        };
        self.types.insert(id, type_.clone());
        type_
    }

    fn known(&self, name: &str) -> Option<CelType> {
        let name = name.trim_start_matches('.');
        let bound = self.scope.iter().rev().find(|(own, _)| own == name).map(|(_, type_)| type_);
        bound.or_else(|| self.variables.get(name)).cloned().or_else(|| named_type(name))
    }

    fn ident(&mut self, id: u64, name: &str) -> CelType {
        self.known(name).unwrap_or_else(|| self.fail(id, undeclared(name)))
    }

    fn select(&mut self, node: &mut IdedExpr) -> CelType {
        let whole = spelled(node).filter(|name| name.contains('.'));
        let id = node.id;
        let Expr::Select(select) = &mut node.expr else { return T::Error };
        let whole = whole.filter(|_| !select.test);
        if let Some(named) = whole.as_deref().and_then(named_type) {
            return named;
        }
        if let Some((name, type_)) = whole.and_then(|name| Some((name.clone(), self.variables.get(&name)?.clone()))) {
            node.expr = Expr::Ident(name);
            return type_;
        }
        let operand = self.expr(&mut select.operand);
        let (type_, test) = (self.field(id, &operand, select), select.test);
        if test && !matches!(type_, T::Error) { T::BOOL } else { type_ }
    }

    fn field(&mut self, id: u64, operand: &CelType, select: &mut SelectExpr) -> CelType {
        match self.infer.shallow(operand) {
            T::Optional(inner) => match self.field(id, &inner, select) {
                T::Error => T::Error,
                found => T::optional(found),
            },
            T::Object(object) => match object.field(&select.field) {
                Some((name, type_)) => {
                    select.field = name;
                    type_
                }
                None => self.fail(id, format!("undefined field '{}'", select.field)),
            },
            T::Fields(fields) => match fields.get(&select.field) {
                Some(type_) => type_.clone(),
                None => self.fail(id, format!("undefined field '{}'", select.field)),
            },
            T::Map(_, value) | T::MapOf(_, value) => (*value).clone(),
            T::Dyn | T::Variable(_) => T::Dyn,
            T::Error => T::Error,
            other => self.fail(id, format!("type '{other}' does not support field selection")),
        }
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> CelType {
        if call.func_name == operators::OPT_SELECT {
            return self.optional_field(id, call);
        }
        let qualified = call.target.as_ref().and_then(|target| spelled(target));
        let qualified = qualified.map(|prefix| format!("{prefix}.{}", call.func_name));
        if let Some(name) = qualified.filter(|name| is_global(name)) {
            let args = self.all(&mut call.args);
            return self.resolve(id, &name, false, &args);
        }
        let mut args = Vec::new();
        if let Some(target) = &mut call.target {
            args.push(self.expr(target));
        }
        args.extend(self.all(&mut call.args));
        let result = self.resolve(id, &call.func_name, call.target.is_some(), &args);
        if let [a, b] = args.as_slice() {
            let (a, b) = (self.infer.shallow(a), self.infer.shallow(b));
            equality::rewrite(call, &a, &b);
        }
        result
    }

    fn all(&mut self, nodes: &mut [IdedExpr]) -> Vec<CelType> {
        nodes.iter_mut().map(|node| self.expr(node)).collect()
    }

    fn optional_field(&mut self, id: u64, call: &mut CallExpr) -> CelType {
        let [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] = call.args.as_mut_slice()
        else {
            return self.fail(id, "unsupported optional field selection".to_owned());
        };
        let operand = self.expr(operand);
        let mut select = SelectExpr { operand: Box::default(), field: field.inner().to_owned(), test: false };
        let found = self.field(id, &operand, &mut select);
        *field = select.field.into();
        match found {
            optional @ (T::Optional(_) | T::Error) => optional,
            other => T::optional(other),
        }
    }

    /// The type a call gives: that of the overloads its arguments fit.
    fn resolve(&mut self, id: u64, name: &str, member: bool, args: &[CelType]) -> CelType {
        let candidates = overloads(name);
        if candidates.is_empty() {
            return self.fail(id, undeclared(name));
        }
        if args.iter().any(|arg| matches!(self.infer.shallow(arg), T::Error)) {
            return T::Error;
        }
        let mut result: Option<CelType> = None;
        for overload in candidates.iter().filter(|overload| overload.member == member) {
            let (wanted, gives) = overload.instance(&mut self.infer);
            if self.infer.all_fit(args, &wanted) {
                let gives = self.infer.deep(&gives);
                result = Some(match result {
                    Some(other) if other.to_string() != gives.to_string() => T::Dyn,
                    Some(other) => other,
                    None => gives,
                });
            }
        }
        result.unwrap_or_else(|| {
            let message =
                format!("found no matching overload for '{name}' applied to '{}'", self.signature(member, args));
            self.fail(id, message)
        })
    }

    fn signature(&self, member: bool, args: &[CelType]) -> String {
        let texts: Vec<String> = args.iter().map(|arg| self.infer.finished(arg).to_string()).collect();
        match texts.split_first() {
            Some((target, rest)) if member => format!("{target}.({})", rest.join(", ")),
            _ => format!("({})", texts.join(", ")),
        }
    }

    fn list(&mut self, list: &mut ListExpr) -> CelType {
        let mut item: Option<CelType> = None;
        for (index, element) in list.elements.iter_mut().enumerate() {
            let mut type_ = self.expr(element);
            if list.optional_indices.contains(&index)
                && let T::Optional(inner) = self.infer.shallow(&type_)
            {
                type_ = (*inner).clone();
            }
            item = Some(self.joined(element.id, item, type_));
        }
        T::list(item.unwrap_or_else(|| self.infer.fresh()))
    }

    fn map(&mut self, map: &mut MapExpr) -> CelType {
        let (mut keys, mut values) = (None, None);
        for entry in &mut map.entries {
            let EntryExpr::MapEntry(entry) = &mut entry.expr else { continue };
            let key = self.expr(&mut entry.key);
            keys = Some(self.joined(entry.key.id, keys, key));
            let mut value = self.expr(&mut entry.value);
            if let (true, T::Optional(inner)) = (entry.optional, self.infer.shallow(&value)) {
                value = (*inner).clone();
            }
            values = Some(self.joined(entry.value.id, values, value));
        }
        let keys = keys.unwrap_or_else(|| self.infer.fresh());
        T::map(keys, values.unwrap_or_else(|| self.infer.fresh()))
    }

    /// One type for what stands side by side in a literal; it must be of one kind, as Kubernetes asks for.
    fn joined(&mut self, id: u64, known: Option<CelType>, next: CelType) -> CelType {
        let Some(known) = known else { return next };
        if self.infer.all_fit(std::slice::from_ref(&next), std::slice::from_ref(&known)) {
            let dynamic = matches!(self.infer.shallow(&next), T::Dyn);
            return if dynamic { T::Dyn } else { known };
        }
        let (wanted, found) = (self.infer.finished(&known), self.infer.finished(&next));
        self.fail(id, format!("expected type '{wanted}' but found '{found}'"))
    }

    /// Reports what is not of the type wanted.
    pub(super) fn expect(&mut self, id: u64, found: &CelType, wanted: &CelType) {
        if !self.infer.all_fit(std::slice::from_ref(found), std::slice::from_ref(wanted)) {
            let (wanted, found) = (self.infer.finished(wanted), self.infer.finished(found));
            self.fail(id, format!("expected type '{wanted}' but found '{found}'"));
        }
    }
}

pub(super) fn undeclared(name: &str) -> String {
    format!("undeclared reference to '{}' (in container '')", name.trim_start_matches('.'))
}

fn literal_type(literal: &LiteralValue) -> CelType {
    T::Named(match literal {
        LiteralValue::Boolean(_) => "bool",
        LiteralValue::Bytes(_) => "bytes",
        LiteralValue::Double(_) => "double",
        LiteralValue::Int(_) => "int",
        LiteralValue::Null => "null",
        LiteralValue::String(_) => "string",
        LiteralValue::UInt(_) => "uint",
    })
}

/// The dotted name a node spells.
fn spelled(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.trim_start_matches('.').to_owned()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", spelled(&select.operand)?, select.field)),
        _ => None,
    }
}
