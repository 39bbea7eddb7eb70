//! Texts made fit to be names. As Argo CD's `utils.SanitizeName`.
//! It must not know what is named.

/// The longest name in DNS.
const LONGEST: usize = 253;

/// A text in lower case, with hyphens for what a name may not hold.
#[must_use]
pub fn normalised(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.');
    let name: String =
        text.to_lowercase().chars().map(|letter| if fits(letter) { letter } else { '-' }).take(LONGEST).collect();
    name.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit() {
        assert_eq!(normalised("My_App (Test)"), "my-app--test");
    }
}
