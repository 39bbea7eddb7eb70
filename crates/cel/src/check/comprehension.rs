//! Types inside comprehensions, which is what macros become.
//! It must not know which macro it was.

use cel::common::ast::ComprehensionExpr;

use super::CelType as T;
use super::types::{CelType, Parts};
use super::walk::Walk;

impl Walk<'_> {
    pub(super) fn comprehension(&mut self, node: &mut ComprehensionExpr) -> CelType {
        let range = self.expr(&mut node.iter_range);
        let range = self.infer.shallow(&range);
        let item = match range.parts() {
            Some(Parts::List(item)) => item.clone(),
            Some(Parts::Map(key, _)) => key,
            None if matches!(range, T::Dyn | T::Error | T::Variable(_)) => T::Dyn,
            None => {
                let message = format!(
                    "expression of type '{}' cannot be range of a comprehension (must be list, map, or dynamic)",
                    self.infer.finished(&range)
                );
                self.fail(node.iter_range.id, message)
            }
        };
        let accumulator = self.expr(&mut node.accu_init);
        let depth = self.scope.len();
        self.scope.push((node.accu_var.clone(), accumulator.clone()));
        self.scope.push((node.iter_var.clone(), item));
        let condition = self.expr(&mut node.loop_cond);
        self.expect(node.loop_cond.id, &condition, &T::BOOL);
        let step = self.expr(&mut node.loop_step);
        if !matches!(self.infer.shallow(&step), T::Error) {
            self.expect(node.loop_step.id, &step, &accumulator);
        }
        self.scope.truncate(depth + 1);
        let result = self.expr(&mut node.result);
        self.scope.truncate(depth);
        result
    }
}
