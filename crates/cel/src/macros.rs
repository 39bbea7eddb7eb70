//! `cel.bind` and the macros with two variables (cel-go's `ext.Bindings` and `ext.TwoVarComprehensions`).
//! It must not evaluate: macros only rewrite the call they stand in.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, MapExpr, operators};
use cel::parser::{Macro, MacroExprHelper, ParseError};
use cel::{DeclarationError, Env};

use crate::library::{INDICES, PUT, PUT_ALL};

const RANGE: &str = "@range";
const RESULT: &str = "@result";

type Expanded = Result<Option<IdedExpr>, ParseError>;

/// Adds the macros.
///
/// # Errors
/// When one of them is already there.
pub(crate) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_macro(Macro::receiver("bind", 3, bind))?;
    for (name, shape) in [
        ("transformList", Shape::List),
        ("transformMap", Shape::Map),
        ("transformMapEntry", Shape::Entries),
        ("all", Shape::All),
        ("exists", Shape::Exists),
    ] {
        env.add_macro(Macro::receiver(name, 3, move |helper, target, args| expand(shape, helper, target, args)))?;
        if shape.takes_filter() {
            env.add_macro(Macro::receiver(name, 4, move |helper, target, args| expand(shape, helper, target, args)))?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Shape {
    List,
    Map,
    Entries,
    All,
    Exists,
}

impl Shape {
    fn takes_filter(self) -> bool {
        matches!(self, Self::List | Self::Map | Self::Entries)
    }

    fn start(self) -> Expr {
        match self {
            Self::List => Expr::List(ListExpr::new(Vec::new())),
            Self::Map | Self::Entries => Expr::Map(MapExpr::default()),
            Self::All => Expr::Literal(LiteralValue::Boolean(true.into())),
            Self::Exists => Expr::Literal(LiteralValue::Boolean(false.into())),
        }
    }

    /// The accumulator after one element.
    fn step(self, helper: &mut MacroExprHelper<'_>, key: &str, value: IdedExpr) -> IdedExpr {
        let result = helper.next_expr(Expr::Ident(RESULT.to_owned()));
        match self {
            Self::List => {
                let one = helper.next_expr(Expr::List(ListExpr::new(vec![value])));
                call(helper, operators::ADD, vec![result, one])
            }
            Self::Map => {
                let key = helper.next_expr(Expr::Ident(key.to_owned()));
                call(helper, PUT, vec![result, key, value])
            }
            Self::Entries => call(helper, PUT_ALL, vec![result, value]),
            Self::All => call(helper, operators::LOGICAL_AND, vec![result, value]),
            Self::Exists => call(helper, operators::LOGICAL_OR, vec![result, value]),
        }
    }
}

fn call(helper: &mut MacroExprHelper<'_>, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    helper.next_expr(Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }))
}

/// `value` bound to `name` in `body`: a comprehension over nothing.
fn bound(helper: &mut MacroExprHelper<'_>, name: &str, value: IdedExpr, body: IdedExpr) -> IdedExpr {
    let node = ComprehensionExpr {
        iter_range: helper.next_expr(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "#unused".to_owned(),
        iter_var2: None,
        accu_var: name.to_owned(),
        accu_init: value,
        loop_cond: helper.next_expr(Expr::Literal(LiteralValue::Boolean(false.into()))),
        loop_step: helper.next_expr(Expr::Ident(name.to_owned())),
        result: body,
    };
    helper.next_expr(Expr::Comprehension(Box::new(node)))
}

fn variable(helper: &MacroExprHelper<'_>, node: &IdedExpr) -> Result<String, ParseError> {
    match &node.expr {
        Expr::Ident(name) => Ok(name.clone()),
        _ => Err(helper.new_error(node.id, "argument must be a simple name")),
    }
}

fn bind(helper: &mut MacroExprHelper<'_>, target: &mut Option<IdedExpr>, args: &mut Vec<IdedExpr>) -> Expanded {
    if !matches!(target, Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "cel") {
        return Ok(None);
    }
    let (Some(body), Some(value), Some(name)) = (args.pop(), args.pop(), args.pop()) else { return Ok(None) };
    let name = variable(helper, &name)?;
    Ok(Some(bound(helper, &name, value, body)))
}

/// `range.transformList(k, v, [filter,] body)` and its kin: bind the range, walk its keys or indices,
/// bind the value at each.
fn expand(
    shape: Shape,
    helper: &mut MacroExprHelper<'_>,
    target: &mut Option<IdedExpr>,
    args: &mut Vec<IdedExpr>,
) -> Expanded {
    // `x.all(…)` with three arguments where the first is no name is not ours to judge: refuse below.
    let key = args.first().map(|arg| variable(helper, arg)).transpose()?.unwrap_or_default();
    let value = args.get(1).map(|arg| variable(helper, arg)).transpose()?.unwrap_or_default();
    let (Some(range), Some(body)) = (target.take(), args.pop()) else { return Ok(None) };
    let filter = if args.len() == 3 { args.pop() } else { None };
    let mut step = shape.step(helper, &key, body);
    if let Some(filter) = filter {
        let unchanged = helper.next_expr(Expr::Ident(RESULT.to_owned()));
        step = call(helper, operators::CONDITIONAL, vec![filter, step, unchanged]);
    }
    let whole = helper.next_expr(Expr::Ident(RANGE.to_owned()));
    let at = helper.next_expr(Expr::Ident(key.clone()));
    let element = call(helper, operators::INDEX, vec![whole, at]);
    let step = bound(helper, &value, element, step);
    let whole = helper.next_expr(Expr::Ident(RANGE.to_owned()));
    let node = ComprehensionExpr {
        iter_range: call(helper, INDICES, vec![whole]),
        iter_var: key,
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init: helper.next_expr(shape.start()),
        loop_cond: helper.next_expr(Expr::Literal(LiteralValue::Boolean(true.into()))),
        loop_step: step,
        result: helper.next_expr(Expr::Ident(RESULT.to_owned())),
    };
    let walk = helper.next_expr(Expr::Comprehension(Box::new(node)));
    Ok(Some(bound(helper, RANGE, range, walk)))
}
