//! What the columns of built-in kinds show, in the words of upstream's API documentation.
//! It must not know cells.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Where a description holds (`*` everywhere, else resources as `pods,deployments.apps`), and the description.
type Described = Vec<(&'static str, String)>;

static DESCRIPTIONS: LazyLock<HashMap<&'static str, Described>> = LazyLock::new(|| {
    let mut found: HashMap<&'static str, Described> = HashMap::new();
    for line in include_str!("../../data/column-descriptions.txt").lines() {
        let mut parts = line.splitn(3, '\t');
        if let (Some(column), Some(place), Some(text)) = (parts.next(), parts.next(), parts.next()) {
            found.entry(column).or_default().push((place, text.replace("\\n", "\n")));
        }
    }
    found
});

/// The description of a column of a resource, such as `deployments.apps`; its name where there is none.
pub(super) fn of<'a>(column: &'a str, resource: &str) -> &'a str {
    let holds = |place: &str| place == "*" || place.split(',').any(|name| name == resource);
    let described = DESCRIPTIONS.get(column).and_then(|all| all.iter().find(|(place, _)| holds(place)));
    described.map_or(column, |(_, text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn columns_are_described_by_resource() {
        assert!(of("Age", "widgets.example.com").starts_with("CreationTimestamp is a timestamp"));
        assert_eq!(of("Status", "pods"), "The aggregate status of the containers in this pod.");
        assert_eq!(of("Status", "nodes"), "The status of the node");
        assert_eq!(of("Ready", "deployments.apps"), "Number of the pod with ready state");
        assert_eq!(of("Colour", "pods"), "Colour");
    }
}
