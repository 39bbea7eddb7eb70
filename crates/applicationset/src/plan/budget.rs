//! The deletion budget: how many Applications of a set may go without somebody's approval.
//! It must not know why they are to go.

use jiff::Timestamp;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::Error;

/// Fewer than so many may always be deleted.
const AT_LEAST: usize = 3;

/// Whether deleting so many of a set's Applications asks for approval: more than its budget, and by default more than
/// half and three at least.
///
/// # Errors
/// When the annotation is neither a number nor a percentage.
pub fn is_exceeded(set: &Value, deleted: usize, of: usize) -> Result<bool, Error> {
    let Some(budget) = object::annotation(set, argoproj::DELETION_BUDGET) else {
        return Ok(deleted >= AT_LEAST && deleted * 2 > of);
    };
    let budget = budget.trim();
    let allowed = match budget.strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().ok().map(|percent| of.saturating_mul(percent) / 100),
        None => budget.parse().ok(),
    };
    let allowed = allowed.ok_or_else(|| {
        Error::invalid(format!(
            "annotation {} is {budget:?}; write a number such as 5, or a percentage such as 20%",
            argoproj::DELETION_BUDGET
        ))
    })?;
    Ok(deleted > allowed)
}

/// Whether a deletion that was planned at a time has been approved since.
#[must_use]
pub fn is_approved(set: &Value, planned: &str) -> bool {
    let time = |text: &str| text.trim().parse::<Timestamp>().ok();
    let approved = object::annotation(set, argoproj::DELETION_APPROVED).and_then(time);
    matches!((approved, time(planned)), (Some(approved), Some(planned)) if approved >= planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_budget_is_a_number_or_a_percentage() {
        for (budget, deleted, of, exceeded) in [
            (None, 2, 2, false),
            (None, 3, 6, false),
            (None, 3, 5, true),
            (Some("0"), 1, 9, true),
            (Some("5"), 5, 5, false),
            (Some("20%"), 2, 10, false),
            (Some("20%"), 3, 10, true),
        ] {
            let set =
                json!({"metadata": {"annotations": budget.map(|budget| json!({(argoproj::DELETION_BUDGET): budget}))}});
            assert_eq!(is_exceeded(&set, deleted, of).unwrap(), exceeded, "{budget:?} {deleted} of {of}");
        }
        let set = json!({"metadata": {"annotations": {(argoproj::DELETION_BUDGET): "many"}}});
        assert!(is_exceeded(&set, 1, 1).unwrap_err().to_string().contains("many"));
    }

    #[test]
    fn an_approval_older_than_the_plan_does_not_count() {
        let set = |at: &str| json!({"metadata": {"annotations": {(argoproj::DELETION_APPROVED): at}}});
        assert!(is_approved(&set("2030-01-01T00:00:01Z"), "2030-01-01T00:00:00Z"));
        assert!(!is_approved(&set("2029-01-01T00:00:00Z"), "2030-01-01T00:00:00Z"));
        assert!(!is_approved(&json!({}), "2030-01-01T00:00:00Z") && !is_approved(&set("yes"), "2030-01-01T00:00:00Z"));
    }
}
