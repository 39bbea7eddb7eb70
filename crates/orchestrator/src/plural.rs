//! English plurals of kinds, as the inflector that kro uses makes them.
//! It must not know any kind by name.

/// Words whose plural follows no rule.
const IRREGULAR: &[(&str, &str)] = &[
    ("child", "children"),
    ("datum", "data"),
    ("foot", "feet"),
    ("goose", "geese"),
    ("index", "indices"),
    ("matrix", "matrices"),
    ("medium", "media"),
    ("mouse", "mice"),
    ("person", "people"),
    ("quiz", "quizzes"),
    ("tooth", "teeth"),
    ("vertex", "vertices"),
];

/// Words that are their own plural.
const UNCOUNTABLE: &[&str] =
    &["data", "equipment", "fish", "information", "metadata", "news", "series", "sheep", "species"];

/// Endings, the longest first, with what replaces them.
const ENDINGS: &[(&str, &str)] = &[
    ("analysis", "analyses"),
    ("basis", "bases"),
    ("crisis", "crises"),
    ("status", "statuses"),
    ("alias", "aliases"),
    ("virus", "viruses"),
    ("ies", "ies"),
    ("sh", "shes"),
    ("ch", "ches"),
    ("ss", "sses"),
    ("x", "xes"),
    ("z", "zes"),
    ("s", "s"),
];

/// The lower-case plural of a kind: `Policy` is `policies`.
#[must_use]
pub fn plural(kind: &str) -> String {
    let word = kind.to_lowercase();
    if UNCOUNTABLE.contains(&word.as_str()) {
        return word;
    }
    if let Some((stem, many)) = IRREGULAR.iter().find_map(|(one, many)| Some((word.strip_suffix(one)?, many))) {
        return format!("{stem}{many}");
    }
    if let Some((stem, many)) = ENDINGS.iter().find_map(|(one, many)| Some((word.strip_suffix(one)?, many))) {
        return format!("{stem}{many}");
    }
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => word + "s",
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn plurals() {
        for (kind, expected) in [
            ("Application", "applications"),
            ("Policy", "policies"),
            ("Gateway", "gateways"),
            ("Ingress", "ingresses"),
            ("Mouse", "mice"),
            ("ToolPlatform", "toolplatforms"),
            ("Database", "databases"),
            ("Box", "boxes"),
            ("Branch", "branches"),
            ("Person", "people"),
            ("Metrics", "metrics"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }
}
