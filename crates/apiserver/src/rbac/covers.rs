//! Whether somebody's rules cover others: upstream's `component-helpers/auth/rbac/validation` and `CompactRules`.
//! It must not know whose rules they are.

use std::collections::BTreeSet;

use super::rule::Rule;

/// What of the wanted rules is not covered, each part once, as it is shown.
pub(super) fn missing(own: &[Rule], wanted: &[Rule]) -> Vec<String> {
    let parts = wanted.iter().flat_map(Rule::broken_down);
    let missing = parts.filter(|part| !own.iter().any(|rule| rule.covers(part)));
    let shown: BTreeSet<String> = compacted(missing).iter().map(Rule::compact).collect();
    shown.into_iter().collect()
}

/// Parts that differ in nothing but the verb, together.
fn compacted(parts: impl Iterator<Item = Rule>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for mut part in parts {
        let same = |rule: &&mut Rule| {
            part.non_resource_urls.is_empty()
                && rule.non_resource_urls.is_empty()
                && rule.api_groups == part.api_groups
                && rule.resources == part.resources
                && rule.resource_names == part.resource_names
        };
        match rules.iter_mut().find(same) {
            Some(rule) => rule.verbs.append(&mut part.verbs),
            None => rules.push(part),
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_shown_together() {
        let rule = |text: &str| -> Rule { serde_json::from_str(text).unwrap() };
        let own = [rule(r#"{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}"#)];
        let wanted = [
            rule(r#"{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]}"#),
            rule(r#"{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}"#),
        ];
        let pods = "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}";
        let metrics = "{NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}";
        assert_eq!(missing(&own, &wanted), [pods, metrics]);
        assert!(missing(&own, &own).is_empty());
    }
}
