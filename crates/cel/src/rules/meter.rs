//! What an evaluation costs while it runs: each turn of a loop pays for the nodes it evaluates.
//! It must not know rules.
//!
//! Functions of the evaluator have no state of their own, so the sum is kept for the thread; an evaluation never
//! leaves its thread.

use std::cell::Cell;

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};
use cel::common::types::{DYN_TYPE, INT_TYPE};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, IdedExpr};

use super::CALL_LIMIT;
use crate::library::{Evaluated, failed, int};

/// What passes when an evaluation is stopped, in cel-go's words.
pub(crate) const EXCEEDED: &str = "operation cancelled: actual cost limit exceeded";

const TURN: &str = "@turn";
const TURNS: &str = "@turns";

thread_local! {
    static SPENT: Cell<u64> = const { Cell::new(0) };
}

/// Adds the functions that count.
///
/// # Errors
/// When one of them is already there.
pub(crate) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(TURN, "turn", vec![DYN_TYPE, INT_TYPE], |args| pay(args, false))?;
    env.add_overload(TURNS, "turns", vec![DYN_TYPE, INT_TYPE], |args| pay(args, true))
}

fn pay<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>, for_each_item: bool) -> Evaluated<'b, 'v> {
    let each = u64::try_from(int(TURN, &args, 1)?).unwrap_or(0);
    args.truncate(1);
    let Some(value) = args.pop() else { return Err(cel::ExecutionError::missing_argument_or_target()) };
    let items = if for_each_item { value.as_sizer().map_or(0, |sizer| *sizer.size().inner()) } else { 1 };
    let spent = SPENT.get().saturating_add(each.saturating_mul(u64::try_from(items).unwrap_or(0)));
    SPENT.set(spent);
    if spent > CALL_LIMIT { Err(failed(TURN, EXCEEDED)) } else { Ok(value) }
}

/// Starts counting at what the expression costs without its loops.
pub(crate) fn start(base: u64) {
    SPENT.set(base);
}

/// What has been spent since the start.
pub(crate) fn spent() -> u64 {
    SPENT.get()
}

/// Makes the loops of an expression count; gives what it costs without them.
pub(crate) fn install(node: &mut IdedExpr) -> u64 {
    match &mut node.expr {
        Expr::Call(call) => {
            let target: u64 = call.target.iter_mut().map(|target| install(target)).sum();
            1 + target + call.args.iter_mut().map(install).sum::<u64>()
        }
        Expr::Comprehension(comprehension) => {
            let outside = install(&mut comprehension.iter_range) + install(&mut comprehension.accu_init);
            let turn = install(&mut comprehension.loop_cond) + install(&mut comprehension.loop_step);
            let result = install(&mut comprehension.result);
            let bind = matches!(&comprehension.iter_range.expr, Expr::List(list) if list.elements.is_empty());
            match (bind, &comprehension.loop_cond.expr) {
                (true, _) => {}
                // Where no turn is skipped all are paid for at once, and the evaluator still sees its own shape.
                (false, Expr::Literal(_)) => wrap(&mut comprehension.iter_range, TURNS, turn),
                (false, _) => wrap(&mut comprehension.loop_cond, TURN, turn),
            }
            1 + outside + result
        }
        Expr::List(list) => 10 + list.elements.iter_mut().map(install).sum::<u64>(),
        Expr::Map(map) => 30 + map.entries.iter_mut().map(|entry| install_entry(&mut entry.expr)).sum::<u64>(),
        Expr::Select(select) => 1 + install(&mut select.operand),
        Expr::Ident(_) => 1,
        Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    }
}

fn install_entry(entry: &mut EntryExpr) -> u64 {
    match entry {
        EntryExpr::StructField(field) => install(&mut field.value),
        EntryExpr::MapEntry(entry) => install(&mut entry.key) + install(&mut entry.value),
    }
}

fn wrap(node: &mut IdedExpr, function: &str, each: u64) {
    let inner = std::mem::take(node);
    let id = inner.id;
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    let price = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Int(each.into())) };
    *node = IdedExpr {
        id,
        expr: Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args: vec![inner, price] }),
    };
}
