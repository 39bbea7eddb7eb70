//! What an expression may cost at most, given how large the values of its schema can get; as cel-go's `checker.Cost`
//! with the sizes of `k8s.io/apiserver/pkg/cel`.
//! It must not evaluate anything.
//!
//! Only what matters is counted: loops and walks over texts and lists. A bound that nobody set counts as the largest
//! request.

use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use mainstay_apimachinery::Schema;
use mainstay_apimachinery::schema::Type;

use super::REQUEST_SIZE;
use crate::check::{CelType, Checked};

/// What an expression costs, and how large what it gives can be.
struct Estimate {
    cost: u64,
    size: u64,
    /// The schema of the value, where it comes out of the object.
    schema: Option<Arc<Schema>>,
}

/// Size of what nothing is known about.
const UNKNOWN: u64 = u64::MAX;

/// The most an expression over a value of this type costs.
pub(super) fn estimate(checked: &Checked, self_type: &CelType) -> u64 {
    let mut walk = Walk { checked, own: self_type.schema().cloned(), scope: Vec::new() };
    walk.expr(&checked.expression).cost
}

/// How long a value of a schema can be: characters, items or entries.
pub(super) fn largest(schema: &Schema) -> u64 {
    let room = REQUEST_SIZE - 2;
    match schema.type_ {
        Some(Type::String) => largest_text(schema).unwrap_or(room),
        Some(Type::Array) => {
            let item = schema.items.as_ref().map_or(1, |items| smallest(items));
            schema.max_items.unwrap_or(room / (item + 1))
        }
        Some(Type::Object) => {
            let value = schema.additional_properties.as_ref().map_or(1, |values| smallest(values));
            schema.max_properties.unwrap_or(room / (value + 6))
        }
        _ if schema.int_or_string => room,
        _ => 1,
    }
}

fn largest_text(schema: &Schema) -> Option<u64> {
    if let Some(most) = schema.max_length {
        // A character may be four bytes.
        return Some(most.saturating_mul(4));
    }
    if !schema.enum_.is_empty() {
        return schema.enum_.iter().filter_map(|value| value.as_str()).map(|text| text.len() as u64).max();
    }
    match schema.format.as_deref()? {
        "duration" => Some(32),
        "date" => Some(10),
        "date-time" => Some(20),
        _ => None,
    }
}

/// The fewest bytes a value of a schema takes in JSON.
pub(super) fn smallest(schema: &Schema) -> u64 {
    match schema.type_ {
        Some(Type::Boolean) => 4,
        Some(Type::Integer | Type::Number) => 1,
        Some(Type::Object) if schema.additional_properties.is_none() => {
            let required = schema.required.iter().filter_map(|name| Some((name, schema.properties.get(name)?)));
            2 + required.map(|(name, child)| name.len() as u64 + smallest(child) + 4).sum::<u64>()
        }
        Some(_) => 2,
        None => 1,
    }
}

struct Walk<'a> {
    checked: &'a Checked,
    own: Option<Arc<Schema>>,
    scope: Vec<(String, u64, Option<Arc<Schema>>)>,
}

impl Estimate {
    fn scalar(cost: u64) -> Self {
        Self { cost, size: 1, schema: None }
    }

    fn sized(cost: u64, size: u64) -> Self {
        Self { cost, size, schema: None }
    }

    fn of_schema(cost: u64, schema: Option<Arc<Schema>>) -> Self {
        let size = schema.as_ref().map_or(UNKNOWN, |schema| largest(schema));
        Self { cost, size, schema }
    }
}

/// A tenth of a size, rounded up: what walking over a text costs.
fn tenth(size: u64) -> u64 {
    size.div_ceil(10)
}

impl Walk<'_> {
    fn expr(&mut self, node: &IdedExpr) -> Estimate {
        match &node.expr {
            Expr::Literal(literal) => Estimate::sized(0, literal_size(literal)),
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => {
                let operand = self.expr(&select.operand);
                if select.test {
                    return Estimate::scalar(operand.cost);
                }
                let field = operand.schema.as_ref().and_then(|schema| schema.field(&select.field).cloned());
                self.part(operand.cost.saturating_add(1), field, node.id)
            }
            Expr::Call(call) => self.call(node.id, call),
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.expr(item).cost).fold(10, u64::saturating_add);
                Estimate::sized(items, list.elements.len() as u64)
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().map(|entry| self.entry(&entry.expr)).fold(30, u64::saturating_add);
                Estimate::sized(entries, map.entries.len() as u64)
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => Estimate::scalar(0),
        }
    }

    /// Part of a value: what its schema says of it, or else its type.
    fn part(&self, cost: u64, schema: Option<Arc<Schema>>, id: u64) -> Estimate {
        match schema {
            Some(schema) => Estimate::of_schema(cost, Some(schema)),
            None if self.is_scalar(id) => Estimate::scalar(cost),
            None => Estimate::sized(cost, REQUEST_SIZE),
        }
    }

    fn is_scalar(&self, id: u64) -> bool {
        let scalar = ["bool", "int", "uint", "double", "timestamp", "duration"];
        self.checked.types.get(&id).is_some_and(|type_| scalar.iter().any(|name| type_.is(name)))
    }

    fn entry(&mut self, entry: &EntryExpr) -> u64 {
        match entry {
            EntryExpr::StructField(field) => self.expr(&field.value).cost,
            EntryExpr::MapEntry(entry) => self.expr(&entry.key).cost.saturating_add(self.expr(&entry.value).cost),
        }
    }

    fn ident(&self, name: &str) -> Estimate {
        if let Some((_, size, schema)) = self.scope.iter().rev().find(|(own, ..)| own == name) {
            return Estimate { cost: 1, size: *size, schema: schema.clone() };
        }
        match self.own.as_ref().filter(|_| matches!(name, "self" | "oldSelf")) {
            Some(own) => Estimate::of_schema(1, Some(own.clone())),
            None => Estimate::sized(1, REQUEST_SIZE),
        }
    }

    fn comprehension(&mut self, node: &ComprehensionExpr) -> Estimate {
        let range = self.expr(&node.iter_range);
        let start = self.expr(&node.accu_init);
        let bind = matches!(&node.iter_range.expr, Expr::List(list) if list.elements.is_empty());
        let depth = self.scope.len();
        // What a loop gathers is at most as large as what it walks over.
        let gathered = if bind { start.size } else { range.size };
        self.scope.push((node.accu_var.clone(), gathered, if bind { start.schema } else { None }));
        let (size, schema) = item(range.schema.as_ref());
        self.scope.push((node.iter_var.clone(), size, schema));
        let turn = self.expr(&node.loop_cond).cost.saturating_add(self.expr(&node.loop_step).cost);
        let result = self.expr(&node.result);
        self.scope.truncate(depth);
        let turns = range.size.saturating_mul(turn);
        let cost = [start.cost, turns, result.cost].into_iter().fold(range.cost, u64::saturating_add);
        Estimate { cost, ..result }
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Estimate {
        let args: Vec<Estimate> =
            call.target.iter().map(|target| &**target).chain(&call.args).map(|arg| self.expr(arg)).collect();
        let sum = args.iter().map(|arg| arg.cost).fold(0, u64::saturating_add);
        let size = |index: usize| args.get(index).map_or(1, |arg: &Estimate| arg.size);
        let add = |own: u64| sum.saturating_add(own);
        let found = match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR => Estimate::scalar(sum),
            operators::CONDITIONAL => {
                let cost = |index: usize| args.get(index).map_or(0, |arg| arg.cost);
                let cost = cost(0).saturating_add(cost(1).max(cost(2)));
                return Estimate::sized(cost, size(1).max(size(2)));
            }
            operators::INDEX | operators::OPT_INDEX => {
                let item = args.first().and_then(|list| item(list.schema.as_ref()).1);
                return self.part(add(1), item, id);
            }
            operators::OPT_SELECT => {
                let field = match call.args.get(1).map(|arg| &arg.expr) {
                    Some(Expr::Literal(LiteralValue::String(field))) => {
                        args.first().and_then(|arg| arg.schema.as_ref()?.field(field.inner()).cloned())
                    }
                    _ => None,
                };
                return self.part(add(1), field, id);
            }
            "orValue" | "or" | "value" => {
                let schema = args.first().and_then(|arg| arg.schema.clone());
                return Estimate { cost: add(1), size: size(0).max(size(1)), schema };
            }
            name => function(name, &size, &add),
        };
        if self.is_scalar(id) { Estimate { size: 1, ..found } } else { found }
    }
}

fn literal_size(literal: &LiteralValue) -> u64 {
    match literal {
        LiteralValue::String(text) => text.inner().len() as u64,
        LiteralValue::Bytes(bytes) => bytes.inner().len() as u64,
        _ => 1,
    }
}

/// What walking over a value binds: the items of a list, the keys of a map.
fn item(schema: Option<&Arc<Schema>>) -> (u64, Option<Arc<Schema>>) {
    let Some(schema) = schema else { return (REQUEST_SIZE, None) };
    match (&schema.items, &schema.additional_properties) {
        (Some(items), _) => (largest(items), Some(items.clone())),
        (None, Some(_)) => (REQUEST_SIZE, None),
        _ => (REQUEST_SIZE, None),
    }
}

/// The functions whose cost or result depends on how large their arguments are; all others cost 1.
fn function(name: &str, size: &dyn Fn(usize) -> u64, add: &dyn Fn(u64) -> u64) -> Estimate {
    let one = |own: u64| add(own.saturating_add(1));
    match name {
        operators::EQUALS | operators::NOT_EQUALS | "@equals" | "@differs" => {
            Estimate::scalar(one(tenth(size(0).min(size(1)))))
        }
        operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
            Estimate::scalar(one(tenth(size(0).min(size(1)))))
        }
        operators::ADD => {
            let both = size(0).saturating_add(size(1));
            Estimate::sized(one(if both <= 2 { 0 } else { tenth(both) }), both)
        }
        operators::IN => Estimate::scalar(one(size(1))),
        "contains" => Estimate::scalar(one(tenth(size(0)).saturating_mul(tenth(size(1))))),
        "matches" | "find" => Estimate::sized(one(tenth(size(0)).saturating_mul(size(1).div_ceil(4))), size(0)),
        "findAll" | "split" => Estimate::sized(one(tenth(size(0)).saturating_mul(size(1).div_ceil(4).max(1))), size(0)),
        "startsWith" | "endsWith" => Estimate::scalar(one(tenth(size(1)))),
        "sets.contains" | "sets.equivalent" | "sets.intersects" => {
            Estimate::scalar(one(size(0).saturating_mul(size(1))))
        }
        "sum" | "min" | "max" | "isSorted" | "distinct" | "sort" | "reverse" | "slice" | "flatten" => {
            Estimate::sized(one(size(0)), size(0))
        }
        "indexOf" | "lastIndexOf" => Estimate::scalar(one(size(0))),
        "lowerAscii" | "upperAscii" | "trim" | "substring" | "charAt" | "url" | "quantity" | "ip" | "cidr"
        | "semver" => Estimate::sized(one(tenth(size(0))), size(0)),
        "join" => Estimate::sized(one(tenth(size(0))), REQUEST_SIZE),
        "replace" => Estimate::sized(one(tenth(size(0))), size(0).saturating_mul(size(2).max(1))),
        "format" => Estimate::sized(one(tenth(size(0))), REQUEST_SIZE),
        "validate" => Estimate::sized(one(tenth(size(1))), REQUEST_SIZE),
        "@indices" | "@ordered" => Estimate::sized(add(0), size(0)),
        // Upstream cannot tell how long the text of a number is, and so takes it for endless.
        "string" => Estimate::sized(one(0), UNKNOWN),
        _ => Estimate::sized(one(0), REQUEST_SIZE),
    }
}
