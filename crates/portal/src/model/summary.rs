//! An application as one line of a list.
//! It must not look beyond the argoproj.io Application itself.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde::Serialize;
use serde_json::Value;

use super::Health;
use super::health::{self, text};
use super::mask::without_credentials;
use super::world::destination;

/// One line of the list of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Namespace of the argoproj.io Application.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// The cluster it is deployed to, which is its environment.
    pub cluster: String,
    /// The namespace it is deployed to.
    pub destination_namespace: String,
    /// How well it is.
    #[serde(serialize_with = "health::as_word")]
    pub health: Health,
    /// Why.
    pub health_message: String,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync: String,
    /// The phase of the running or last operation; empty if there was none.
    pub operation: String,
    /// The commit it was compared with.
    pub revision: String,
    /// URL of its repository, without credentials.
    pub repository: String,
    /// Path in the repository.
    pub path: String,
    /// Images it runs.
    pub images: Vec<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it was last deployed, RFC 3339; empty if never.
    pub deployed: String,
}

impl Summary {
    /// Whether a word typed into the filter box is found in the line.
    #[must_use]
    pub fn matches(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let fields =
            [&self.name, &self.cluster, &self.project, &self.sync, &self.revision, &self.destination_namespace];
        let is_in = |field: &&String| field.to_lowercase().contains(&word);
        fields.iter().any(&is_in)
            || self.images.iter().any(|image| is_in(&image))
            || self.health.as_str().to_lowercase().contains(&word)
    }
}

/// The line of an argoproj.io Application; `control` is the name of the cluster it is in.
#[must_use]
pub fn summary(application: &Value, control: &str) -> Summary {
    let (spec, status) = (&application["spec"], &application["status"]);
    // Of several sources the first stands for all, as a commit of it does for what was deployed.
    let source = if spec["sources"][0].is_object() { &spec["sources"][0] } else { &spec["source"] };
    let images = status["summary"]["images"].as_array().into_iter().flatten();
    let history = status["history"].as_array().and_then(|history| history.last());
    Summary {
        namespace: object::namespace(application).unwrap_or_default().to_owned(),
        name: object::name(application).to_owned(),
        project: text(&spec["project"]).to_owned(),
        cluster: destination(application, control),
        destination_namespace: text(&spec["destination"]["namespace"]).to_owned(),
        health: health::parse(&status["health"]["status"]),
        health_message: text(&status["health"]["message"]).to_owned(),
        sync: status["sync"]["status"].as_str().unwrap_or("Unknown").to_owned(),
        operation: text(&status["operationState"]["phase"]).to_owned(),
        revision: argoproj::revisions(&status["sync"]).first().copied().unwrap_or_default().to_owned(),
        repository: without_credentials(text(&source["repoURL"])),
        path: text(&source["path"]).to_owned(),
        images: images.map(|image| text(image).to_owned()).collect(),
        created: text(&application["metadata"]["creationTimestamp"]).to_owned(),
        deployed: history.map(|entry| text(&entry["deployedAt"]).to_owned()).unwrap_or_default(),
    }
}
