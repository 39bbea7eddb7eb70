//! Argo CD's build environment: what tools may know of the Application they build for, as `$ARGOCD_APP_NAME`.

use std::collections::BTreeMap;

use mainstay_api::argoproj::Source;

/// For whom something is built.
pub struct Built<'a> {
    /// Name of the Application.
    pub app: &'a str,
    /// Namespace it deploys to.
    pub namespace: &'a str,
    /// Its project.
    pub project: &'a str,
    /// The source that is built.
    pub source: &'a Source,
    /// The commit or version that is built.
    pub revision: &'a str,
}

/// Variables by name.
#[must_use]
pub fn environment(built: &Built<'_>) -> BTreeMap<String, String> {
    let Built { app, namespace, project, source, revision } = built;
    let short = |length: usize| revision.get(..length).unwrap_or(revision);
    let known = [
        ("ARGOCD_APP_NAME", *app),
        ("ARGOCD_APP_NAMESPACE", namespace),
        ("ARGOCD_APP_PROJECT_NAME", project),
        ("ARGOCD_APP_REVISION", revision),
        ("ARGOCD_APP_REVISION_SHORT", short(7)),
        ("ARGOCD_APP_REVISION_SHORT_8", short(8)),
        ("ARGOCD_APP_SOURCE_PATH", &source.path),
        ("ARGOCD_APP_SOURCE_REPO_URL", &source.repo_url),
        ("ARGOCD_APP_SOURCE_TARGET_REVISION", &source.target_revision),
    ];
    known.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A text with `$NAME` and `${NAME}` replaced; what is not known is nothing, and `$$` is `$`. Go's `os.Expand`.
#[must_use]
pub fn substitute(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        let (name, next) = if let Some(escaped) = after.strip_prefix('$') {
            out.push('$');
            ("", escaped)
        } else if let Some((name, next)) = after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            (name, next)
        } else {
            after.split_at(after.find(|letter| !is_name(letter)).unwrap_or(after.len()))
        };
        out.push_str(environment.get(name).map_or("", String::as_str));
        rest = next;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_dollars_may_be_escaped() {
        let environment = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
        for (text, expected) in
            [("$A-${A}b", "x-xb"), ("$NOPE.", "."), ("$$A", "$A"), ("plain", "plain"), ("${A", "{A"), ("5$", "5")]
        {
            assert_eq!(substitute(text, &environment), expected, "{text}");
        }
    }
}
