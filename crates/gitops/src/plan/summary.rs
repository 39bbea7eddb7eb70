//! What an application's summary says of an object: the images of its containers, and the URLs where it is reached from
//! outside. As Argo CD's `populateNodeInfo`.
//! It must not know who asks.

use std::collections::BTreeSet;

use mainstay_apimachinery::object;
use serde_json::Value;

/// What annotations with URLs of an object begin with.
const LINK: &str = "link.argocd.argoproj.io/";
/// The annotation by which an Ingress gives only the URLs of its annotations.
const ONLY_LINKS: &str = "argocd.argoproj.io/ignore-default-links";

/// What a summary gathers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Container images.
    pub images: BTreeSet<String>,
    /// URLs.
    pub urls: BTreeSet<String>,
}

impl Facts {
    /// Of one object.
    #[must_use]
    pub fn of(live: &Value) -> Self {
        Self { images: images(live).into_iter().collect(), urls: urls(live).into_iter().collect() }
    }

    /// Takes in those of another object.
    pub fn add(&mut self, other: Self) {
        self.images.extend(other.images);
        self.urls.extend(other.urls);
    }
}

/// Container images in an object's pod template, or in a pod.
fn images(live: &Value) -> Vec<String> {
    let template = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec"];
    let Some(spec) =
        template.iter().find_map(|pointer| live.pointer(pointer).filter(|spec| spec.get("containers").is_some()))
    else {
        return Vec::new();
    };
    let lists = ["initContainers", "containers"].iter().filter_map(|list| spec.get(*list)?.as_array());
    lists.flatten().filter_map(|container| container.get("image")?.as_str().map(str::to_owned)).collect()
}

/// The URLs that an object's annotations give, and those of an Ingress.
fn urls(live: &Value) -> Vec<String> {
    let annotations = live.pointer("/metadata/annotations").and_then(Value::as_object);
    let links = annotations.into_iter().flatten().filter(|(key, _)| key.starts_with(LINK));
    let mut found: Vec<String> = links.filter_map(|(_, url)| url.as_str().map(str::to_owned)).collect();
    if object::kind(live) == "Ingress" && object::annotation(live, ONLY_LINKS) != Some("true") {
        found.extend(of_ingress(live));
    }
    found
}

fn of_ingress(live: &Value) -> Vec<String> {
    let list =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let balancers: Vec<String> = list(live, "/status/loadBalancer/ingress")
        .iter()
        .map(|one| {
            [text(one, "hostname"), text(one, "ip")].into_iter().find(|host| !host.is_empty()).unwrap_or_default()
        })
        .filter(|host| !host.is_empty())
        .collect();
    let secured: Vec<String> = list(live, "/spec/tls")
        .iter()
        .flat_map(|tls| list(tls, "/hosts"))
        .filter_map(|host| host.as_str().map(str::to_owned))
        .collect();
    let mut found = Vec::new();
    for rule in list(live, "/spec/rules") {
        let host = text(&rule, "host");
        let scheme = if secured.contains(&host) { "https" } else { "http" };
        let hosts = if host.is_empty() || host == "*" { balancers.clone() } else { vec![host] };
        for path in list(&rule, "/http/paths") {
            let path = text(&path, "path");
            found.extend(hosts.iter().map(|host| format!("{scheme}://{host}{}", path.trim_end_matches('*'))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn images_come_from_pod_templates() {
        let deployment = json!({"spec": {"template": {"spec": {"initContainers": [{"image": "b"}], "containers": [{"image": "a"}]}}}});
        assert_eq!(images(&deployment), ["b", "a"]);
    }

    #[test]
    fn urls_come_from_ingresses_and_annotations() {
        let mut ingress = json!({"kind": "Ingress", "metadata": {"annotations": {"link.argocd.argoproj.io/docs": "Docs|https://d"}},
            "spec": {"tls": [{"hosts": ["shop.example.com"]}], "rules": [
                {"host": "shop.example.com", "http": {"paths": [{"path": "/api/*"}, {}]}},
                {"http": {"paths": [{"path": "/"}]}}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}});
        let all =
            ["Docs|https://d", "https://shop.example.com/api/", "https://shop.example.com", "http://203.0.113.10/"];
        assert_eq!(urls(&ingress), all);
        ingress["metadata"]["annotations"]["argocd.argoproj.io/ignore-default-links"] = "true".into();
        assert_eq!(urls(&ingress), ["Docs|https://d"]);
    }
}
