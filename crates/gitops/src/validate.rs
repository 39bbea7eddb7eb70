//! Reads an Application and refuses what cannot be meant or is not supported. Pure.
//! It must not know what is live, or what the repository holds.

use mainstay_api::argoproj::{
    self, AppProjectSpec, ApplicationSpec, ApplicationStatus, Automated, Destination, Operation, Source, SyncPolicy,
};
use mainstay_apimachinery::object;
use serde::Deserialize;
use serde_json::Value;

use crate::plan::options::SyncOptions;
use crate::plan::{project, vain};

/// An Application that can be worked on.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Its name.
    pub name: String,
    /// Its spec.
    pub spec: ApplicationSpec,
    /// The source.
    pub source: Source,
    /// The revision to compare with: the pinned one, or the source's, or `HEAD`.
    pub revision: String,
    /// Whether a rollback pinned the revision.
    pub pinned: bool,
    /// The application's sync options.
    pub options: SyncOptions,
    /// Its status as it was last written.
    pub status: ApplicationStatus,
    /// The operation asked for.
    pub operation: Option<Operation>,
    /// Whether the refresh annotation is set.
    pub refresh: bool,
    /// Things that are left out of account, in words.
    pub remarks: Vec<String>,
}

/// The spec cannot be used; the message is that of the `InvalidSpecError` condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Validated {
    /// The automated block, if automation is on.
    #[must_use]
    pub fn automated(&self) -> Option<&Automated> {
        self.policy().and_then(|policy| policy.automated.as_ref()).filter(|automated| automated.enabled != Some(false))
    }

    /// The sync policy.
    #[must_use]
    pub fn policy(&self) -> Option<&SyncPolicy> {
        self.spec.sync_policy.as_ref()
    }

    /// The project's name.
    #[must_use]
    pub fn project(&self) -> &str {
        if self.spec.project.is_empty() { "default" } else { &self.spec.project }
    }

    /// Name or server of the destination cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        let Destination { name, server, .. } = &self.spec.destination;
        if name.is_empty() { server } else { name }
    }
}

/// Reads an Application.
///
/// # Errors
/// When the spec says too little, too much, or something that is not supported.
pub fn application(app: &Value) -> Result<Validated, Invalid> {
    let spec: ApplicationSpec = part(app, "spec")?;
    let source = source(&spec)?;
    destination(&spec.destination)?;
    let pinned = object::annotation(app, argoproj::PINNED_REVISION).filter(|pinned| !pinned.is_empty());
    let revision = match pinned {
        Some(pinned) => pinned.to_owned(),
        None if source.target_revision.is_empty() => "HEAD".to_owned(),
        None => source.target_revision.clone(),
    };
    let policy = spec.sync_policy.clone().unwrap_or_default();
    let options = SyncOptions::new(&policy.sync_options);
    let operation = if app.get("operation").is_some_and(|operation| !operation.is_null()) {
        Some(part(app, "operation")?)
    } else {
        None
    };
    Ok(Validated {
        name: object::name(app).to_owned(),
        remarks: vain::application(app, &spec, operation.as_ref()),
        revision,
        pinned: pinned.is_some(),
        options,
        // A status that cannot be read was not written by a controller; it is written anew.
        status: part(app, "status").unwrap_or_default(),
        operation,
        refresh: object::annotation(app, argoproj::REFRESH).is_some(),
        source,
        spec,
    })
}

/// The operation that an Application asks for, if it can be read.
#[must_use]
pub fn operation(app: &Value) -> Option<Operation> {
    app.get("operation")
        .filter(|operation| operation.is_object())
        .and_then(|operation| Operation::deserialize(operation).ok())
}

fn part<T: serde::de::DeserializeOwned + Default>(app: &Value, field: &str) -> Result<T, Invalid> {
    match app.get(field) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| Invalid(format!("failed to read {field}: {error}"))),
    }
}

fn source(spec: &ApplicationSpec) -> Result<Source, Invalid> {
    let refuse = |message: &str| Err(Invalid(message.to_owned()));
    if spec.source_hydrator.is_some() {
        return refuse("spec.sourceHydrator is not supported yet; use spec.source");
    }
    if !spec.sources.is_empty() {
        return refuse("spec.sources is not supported yet; use one application per source with spec.source");
    }
    let Some(source) = spec.source.clone().filter(|source| !source.repo_url.is_empty()) else {
        return refuse("spec.source.repoURL is required");
    };
    if source.path.is_empty() && source.chart.is_empty() {
        return refuse("spec.source.repoURL and either spec.source.path or spec.source.chart are required");
    }
    let tool = [
        (!source.chart.is_empty(), "chart"),
        (source.helm.is_some(), "helm"),
        (source.kustomize.is_some(), "kustomize"),
        (source.plugin.is_some(), "plugin"),
    ];
    match tool.iter().find(|(used, _)| *used) {
        Some((_, field)) => refuse(&format!("spec.source.{field} is not supported yet; commit the rendered manifests")),
        None => Ok(source),
    }
}

fn destination(destination: &Destination) -> Result<(), Invalid> {
    let Destination { name, server, .. } = destination;
    match (name.is_empty(), server.is_empty()) {
        (false, false) => {
            Err(Invalid(format!("application destination can't have both name and server defined: {name} {server}")))
        }
        (true, true) => Err(Invalid("application destination has neither name nor server; set one".to_owned())),
        _ => Ok(()),
    }
}

/// Checks an application against its project. `project` is the AppProject, if there is one of that name.
///
/// # Errors
/// When there is no such project, or it does not permit source or destination.
pub fn project(valid: &Validated, project: Option<&Value>) -> Result<AppProjectSpec, Invalid> {
    let name = valid.project();
    let Some(project) = project else {
        return Err(Invalid(format!("application references project {name} which does not exist")));
    };
    let spec: AppProjectSpec = part(project, "spec").map_err(|error| Invalid(format!("project {name}: {error}")))?;
    if !spec.signature_keys.is_empty() || spec.source_integrity.is_some() {
        let message = format!(
            "project {name} asks for signed commits, which cannot be verified yet; nothing is deployed unverified"
        );
        return Err(Invalid(message));
    }
    project::check_source(name, &spec, &valid.source.repo_url).map_err(Invalid)?;
    project::check_destination(name, &spec, &valid.spec.destination).map_err(Invalid)?;
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn app(spec: Value) -> Value {
        json!({"metadata": {"name": "shop-dev"}, "spec": spec})
    }

    #[test]
    fn refusals_say_what_to_do() {
        let destination = json!({"name": "dev"});
        for (spec, expected) in [
            (json!({"destination": destination}), "spec.source.repoURL is required"),
            (json!({"destination": destination, "source": {"repoURL": "r"}}), "either spec.source.path"),
            (json!({"destination": {}, "source": {"repoURL": "r", "path": "."}}), "neither name nor server"),
            (
                json!({"destination": {"name": "a", "server": "b"}, "source": {"repoURL": "r", "path": "."}}),
                "both name and server",
            ),
            (
                json!({"destination": destination, "source": {"repoURL": "r", "path": ".", "helm": {}}}),
                "spec.source.helm is not supported yet",
            ),
            (json!({"destination": destination, "source": {"repoURL": 5}}), "failed to read spec: invalid type"),
        ] {
            let error = application(&app(spec)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_pin_wins_over_the_target_revision() {
        let mut app = app(
            json!({"destination": {"name": "dev"}, "source": {"repoURL": "r", "path": ".", "targetRevision": "main"}}),
        );
        assert_eq!(application(&app).unwrap().revision, "main");
        object::set_annotation(&mut app, argoproj::PINNED_REVISION, "abc");
        assert_eq!(application(&app).unwrap().revision, "abc");
    }
}
