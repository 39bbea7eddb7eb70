//! Reads an Application and refuses what cannot be meant or is not supported. Pure.
//! It must not know what is live, or what the repository holds.

use mainstay_api::argoproj::{
    self, AppProjectSpec, ApplicationSpec, ApplicationStatus, Automated, Destination, Operation, Source,
    SourceHydrator, SyncPolicy,
};
use mainstay_apimachinery::object;
use mainstay_kustomize::Overrides;
use serde::Deserialize;
use serde_json::Value;

use crate::plan::helm::HelmOptions;
use crate::plan::options::SyncOptions;
use crate::plan::{glob, hydrate, project, vain};

/// An Application that can be worked on.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Its name.
    pub name: String,
    /// Its spec.
    pub spec: ApplicationSpec,
    /// The sources: one, unless the application has several.
    pub sources: Vec<Source>,
    /// The revision to compare each source with: the pinned one, or the source's, or `HEAD`.
    pub revisions: Vec<String>,
    /// Whether a rollback pinned the revisions.
    pub pinned: bool,
    /// The application's sync options.
    pub options: SyncOptions,
    /// Its status as it was last written.
    pub status: ApplicationStatus,
    /// The operation asked for.
    pub operation: Option<Operation>,
    /// Renders what is deployed.
    pub hydrator: Option<SourceHydrator>,
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

    /// The source that the others are second to: what was deployed is known by it.
    #[must_use]
    pub fn first(&self) -> &Source {
        self.sources.first().expect("an application without sources is not valid")
    }

    /// Whether the application has a list of sources, be it of one.
    #[must_use]
    pub fn has_several(&self) -> bool {
        !self.spec.sources.is_empty()
    }

    /// The source, where there is no list of them, as statuses keep it.
    #[must_use]
    pub fn single(&self) -> Option<Source> {
        (!self.has_several()).then(|| self.first().clone())
    }

    /// The list of sources, if there is one.
    #[must_use]
    pub fn several(&self) -> &[Source] {
        if self.has_several() { &self.sources } else { &[] }
    }

    /// Commits as statuses keep them: one, or a list.
    #[must_use]
    pub fn kept(&self, revisions: &[String]) -> (String, Vec<String>) {
        if self.has_several() {
            (String::new(), revisions.to_vec())
        } else {
            (revisions.first().cloned().unwrap_or_default(), Vec::new())
        }
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
    let sources = sources(&spec)?;
    destination(&spec.destination)?;
    let pinned = pinned(app, sources.len());
    let own = || sources.iter().map(|source| source.revision().to_owned()).collect();
    let policy = spec.sync_policy.clone().unwrap_or_default();
    let options = SyncOptions::new(&policy.sync_options);
    let operation = if app.get("operation").is_some_and(|operation| !operation.is_null()) {
        Some(part(app, "operation")?)
    } else {
        None
    };
    Ok(Validated {
        name: object::name(app).to_owned(),
        remarks: vain::application(app, &spec),
        revisions: pinned.clone().unwrap_or_else(own),
        pinned: pinned.is_some(),
        options,
        // A status that cannot be read was not written by a controller; it is written anew.
        status: part(app, "status").unwrap_or_default(),
        operation,
        refresh: object::annotation(app, argoproj::REFRESH).is_some(),
        hydrator: spec.source_hydrator.clone(),
        sources,
        spec,
    })
}

/// The revisions that a rollback holds an application at, separated by commas; those of other sources than it has now do
/// not count.
#[must_use]
pub fn pinned(app: &Value, sources: usize) -> Option<Vec<String>> {
    let text = object::annotation(app, argoproj::PINNED_REVISION)?;
    let pinned: Vec<String> = text.split(',').map(|revision| revision.trim().to_owned()).collect();
    (pinned.len() == sources && pinned.iter().all(|revision| !revision.is_empty())).then_some(pinned)
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

/// The sources; a list of them wins over a single one, as upstream.
fn sources(spec: &ApplicationSpec) -> Result<Vec<Source>, Invalid> {
    if let Some(hydrator) = &spec.source_hydrator {
        hydrate::check(hydrator).map_err(Invalid)?;
        check_source("spec.sourceHydrator.drySource", &hydrator.dry())?;
        return Ok(vec![hydrator.synced()]);
    }
    if spec.sources.is_empty() {
        let source = spec.source.clone().unwrap_or_default();
        check_source("spec.source", &source)?;
        return Ok(vec![source]);
    }
    for (index, source) in spec.sources.iter().enumerate() {
        check_source(&format!("spec.sources[{index}]"), source)?;
    }
    if !spec.sources.iter().any(Source::has_manifests) {
        let message = "spec.sources has only sources with ref; give one of them a path or a chart";
        return Err(Invalid(message.to_owned()));
    }
    Ok(spec.sources.clone())
}

fn check_source(place: &str, source: &Source) -> Result<(), Invalid> {
    let refuse = |message: String| Err(Invalid(message));
    if source.repo_url.is_empty() {
        return refuse(format!("{place}.repoURL is required"));
    }
    if source.path.is_empty() && source.chart.is_empty() && source.reference.is_empty() {
        return refuse(format!("{place}.repoURL and either {place}.path or {place}.chart are required"));
    }
    if let Some(options) = &source.helm {
        HelmOptions::deserialize(options).map_err(|error| Invalid(format!("failed to read {place}.helm: {error}")))?;
    }
    if let Some(options) = &source.kustomize {
        Overrides::deserialize(options)
            .map_err(|error| Invalid(format!("failed to read {place}.kustomize: {error}")))?;
    }
    if source.plugin.is_some() {
        return refuse(format!("{place}.plugin is not supported yet; commit the rendered manifests"));
    }
    Ok(())
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
    let dry = valid.hydrator.as_ref().map(SourceHydrator::dry);
    for source in valid.sources.iter().chain(&dry) {
        project::check_source(name, &spec, &source.repo_url).map_err(Invalid)?;
    }
    project::check_destination(name, &spec, &valid.spec.destination).map_err(Invalid)?;
    Ok(spec)
}

/// Checks an application of another namespace than GitOps' own, `home`, against its project.
///
/// # Errors
/// When the project takes no applications of the namespace.
pub fn namespace(valid: &Validated, spec: &AppProjectSpec, (own, home): (&str, &str)) -> Result<(), Invalid> {
    if own == home || spec.source_namespaces.iter().any(|pattern| glob::matches(pattern, own)) {
        return Ok(());
    }
    Err(Invalid(format!(
        "application '{}' in namespace '{own}' is not permitted to use project '{}'; add the namespace to the project's sourceNamespaces",
        valid.name,
        valid.project()
    )))
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
                json!({"destination": destination, "source": {"repoURL": "r", "path": ".", "helm": {"valueFiles": 1}}}),
                "failed to read spec.source.helm: ",
            ),
            (json!({"destination": destination, "source": {"repoURL": 5}}), "failed to read spec: invalid type"),
        ] {
            let error = application(&app(spec)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn several_sources_win_over_one() {
        let spec = json!({"destination": {"name": "dev"}, "source": {"repoURL": "r", "path": "."}, "sources": [
            {"repoURL": "a", "path": "x", "targetRevision": "v1"}, {"repoURL": "b", "ref": "values"}]});
        let valid = application(&app(spec)).unwrap();
        assert_eq!(valid.revisions, ["v1", "HEAD"]);
        assert!(valid.has_several() && valid.sources[0].has_manifests() && !valid.sources[1].has_manifests());
        let spec = json!({"destination": {"name": "dev"}, "sources": [{"repoURL": "b", "ref": "values"}]});
        assert!(application(&app(spec)).unwrap_err().to_string().contains("only sources with ref"));
    }

    #[test]
    fn a_pin_wins_over_the_target_revision() {
        let mut app = app(
            json!({"destination": {"name": "dev"}, "source": {"repoURL": "r", "path": ".", "targetRevision": "main"}}),
        );
        assert_eq!(application(&app).unwrap().revisions, ["main"]);
        object::set_annotation(&mut app, argoproj::PINNED_REVISION, "abc");
        assert_eq!(application(&app).unwrap().revisions, ["abc"]);
    }
}
