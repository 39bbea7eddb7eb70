//! What a cluster can do, as templates see it.

use std::any::Any;
use std::rc::Rc;

use mainstay_apimachinery::version::Version;
use mainstay_gotemplate::{Arguments, Dict, Fault, Object, Value};

/// What Helm knows without asking a cluster.
const DEFAULT_VERSIONS: &str = include_str!("api-versions.txt");
/// The version of Helm whose behaviour is meant.
const HELM_VERSION: &str = "v4.2.0";

/// A cluster's version and APIs.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Such as `v1.36.2`.
    pub kube_version: String,
    /// Such as `apps/v1` and `apps/v1/Deployment`, besides those that every cluster has.
    pub api_versions: Vec<String>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { kube_version: "v1.36.0".to_owned(), api_versions: Vec::new() }
    }
}

impl Capabilities {
    pub(crate) fn value(&self) -> Value {
        let known = DEFAULT_VERSIONS.lines().map(str::to_owned);
        let versions = Versions(known.chain(self.api_versions.iter().cloned()).collect());
        let helm = [("Version", HELM_VERSION), ("GitCommit", ""), ("GitTreeState", ""), ("GoVersion", "")];
        let helm: Dict = helm.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        let entries = [
            ("KubeVersion", Value::Object(Rc::new(KubeVersion::new(&self.kube_version)))),
            ("APIVersions", Value::Object(Rc::new(versions))),
            ("HelmVersion", Value::Map(helm)),
        ];
        Value::Map(entries.into_iter().collect())
    }
}

struct KubeVersion {
    version: String,
    major: String,
    minor: String,
}

impl KubeVersion {
    fn new(text: &str) -> Self {
        let version = if text.starts_with('v') { text.to_owned() } else { format!("v{text}") };
        let parsed = Version::parse(&version);
        let part = |part: fn(&Version) -> u64| parsed.as_ref().map(part).unwrap_or_default().to_string();
        Self { major: part(Version::major), minor: part(Version::minor), version }
    }
}

impl Object for KubeVersion {
    fn type_name(&self) -> &str {
        "common.KubeVersion"
    }

    fn text(&self) -> String {
        self.version.clone()
    }

    fn get(&self, name: &str, _: &[Value]) -> Option<Result<Value, Fault>> {
        let text = match name {
            "Version" | "GitVersion" | "String" => &self.version,
            "Major" => &self.major,
            "Minor" => &self.minor,
            _ => return None,
        };
        Some(Ok(text.as_str().into()))
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

struct Versions(Vec<String>);

impl Object for Versions {
    fn type_name(&self) -> &str {
        "common.VersionSet"
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn text(&self) -> String {
        format!("[{}]", self.0.join(" "))
    }

    fn get(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Fault>> {
        let has = |wanted: &str| Value::Bool(self.0.iter().any(|version| version == wanted));
        (name == "Has").then(|| Arguments(arguments).text(0).map(|wanted| has(&wanted)))
    }

    fn json(&self) -> serde_json::Value {
        self.0.clone().into()
    }

    fn entries(&self) -> Option<Value> {
        Some(Value::strings(&self.0))
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
