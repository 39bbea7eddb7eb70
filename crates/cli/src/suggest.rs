//! The names near to a mistyped one. Pure.

/// How alike two names must be, from 0 to 1: `sampel-dev` finds `sample-dev`, `zzz` finds nothing.
const ALIKE: f64 = 0.8;
/// How many names help; more are noise.
const SUGGESTIONS: usize = 5;

/// The known names that begin with a wrong one, else those most like it; in either case the best first.
pub(crate) fn near<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let mut scored: Vec<(f64, &str)> =
        known.into_iter().map(|name| (likeness(&wrong, &name.to_lowercase()), name)).collect();
    scored.retain(|(score, _)| *score >= ALIKE);
    scored.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.cmp(right)));
    let begun = scored.iter().filter(|(score, _)| *score > 1.0).count();
    let shown = if begun > 0 { begun } else { SUGGESTIONS };
    scored.into_iter().take(shown.min(SUGGESTIONS)).map(|(_, name)| name).collect()
}

/// From 0 to 1 by spelling; 2 for a beginning.
fn likeness(wrong: &str, name: &str) -> f64 {
    if !wrong.is_empty() && name.starts_with(wrong) { 2.0 } else { strsim::normalized_damerau_levenshtein(wrong, name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_come_first_then_spelling() {
        let known = ["sample-dev", "sample-production", "shop-dev", "platform"];
        assert_eq!(near("sample", known), ["sample-dev", "sample-production"]);
        assert_eq!(near("sampel-dev", known), ["sample-dev"]);
        assert_eq!(near("Platfrom", known), ["platform"]);
        assert!(near("zzz", known).is_empty());
        assert!(near("", known).is_empty());
    }
}
