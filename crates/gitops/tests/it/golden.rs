//! The engine on cases in `testdata/<case>`: `in.yaml` says what is in the source and what is live, `out.yaml` what
//! follows from it. `UPDATE_GOLDEN=1` writes the answers anew.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use mainstay_api::argoproj::{Automated, OperationState, Source};
use mainstay_apimachinery::{GroupVersionKind, yaml};
use mainstay_gitops::plan::autosync::{self, Decision};
use mainstay_gitops::plan::compare::{self, Live, Prediction};
use mainstay_gitops::plan::health::{self, Judge, Reporting};
use mainstay_gitops::plan::key::Key;
use mainstay_gitops::plan::options::{PruneMode, SyncOptions, prune_mode};
use mainstay_gitops::plan::order::Wave;
use mainstay_gitops::plan::prune;
use mainstay_gitops::plan::settings::Settings;
use mainstay_gitops::plan::source::{self, Selection, SourceFile};
use mainstay_gitops::plan::target::{self, Naming, Scopes, Targets};
use mainstay_gitops::plan::tasks::{Scope, Tasks, tasks};
use mainstay_gitops::plan::tracking::{Owner, Tracking};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    about: String,
    app: String,
    namespace: String,
    source: Source,
    files: BTreeMap<String, String>,
    namespaced: Vec<String>,
    cluster_scoped: Vec<String>,
    live: Vec<Value>,
    differs: Vec<String>,
    automated: Option<Automated>,
    last: Option<OperationState>,
    revision: String,
    now: String,
}

impl Case {
    fn owner(&self) -> Owner {
        Owner::new("argocd", &self.app, "argocd", &Tracking::default())
    }
}

impl Default for Case {
    fn default() -> Self {
        let source = json!({"repoURL": "http://git/apps.git", "path": "shop", "directory": {"recurse": true}});
        Self {
            about: String::new(),
            app: "shop-dev".into(),
            namespace: "shop".into(),
            source: serde_json::from_value(source).unwrap(),
            files: BTreeMap::new(),
            namespaced: ["v1/ConfigMap", "v1/Secret", "v1/Service", "apps/v1/Deployment"].map(Into::into).into(),
            cluster_scoped: ["v1/Namespace", "apiextensions.k8s.io/v1/CustomResourceDefinition"].map(Into::into).into(),
            live: Vec::new(),
            differs: Vec::new(),
            automated: Some(Automated { prune: true, self_heal: true, ..Automated::default() }),
            last: None,
            revision: "2222222222222222222222222222222222222222".into(),
            now: "2030-01-01T00:10:00Z".into(),
        }
    }
}

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut cases: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[allow(clippy::disallowed_methods, reason = "golden files are written only when asked for")]
fn check(directory: &Path) -> Option<String> {
    let text = std::fs::read_to_string(directory.join("in.yaml")).unwrap();
    let case: Case = serde_json::from_value(yaml::parse_one(&text).unwrap().value).unwrap();
    assert!(!case.about.is_empty(), "{}: say what the case is about", directory.display());
    let found = yaml::to_string(&run(&case));
    let file = directory.join("out.yaml");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    (found != expected).then(|| format!("{}: expected\n{expected}\nfound\n{found}", directory.display()))
}

fn run(case: &Case) -> Value {
    let targets = render(case);
    let live: Live = case.live.iter().map(|object| (Key::of(object), object.clone())).collect();
    let predict = |key: &Key| {
        if case.differs.contains(&key.to_string()) { Prediction::Differs } else { Prediction::Same }
    };
    let predictions = targets.by_key.keys().map(|key| (key.clone(), predict(key))).collect();
    let gaps = targets.problems.iter().any(|problem| problem.leaves_a_gap());
    let comparison = compare::compare(&case.owner(), &targets.by_key, &live, &predictions, gaps);
    let allow_empty = case.automated.as_ref().is_some_and(|automated| automated.allow_empty);
    let keep = prune::keep(&targets.problems, targets.by_key.len(), allow_empty);
    let options = SyncOptions::default();
    let extra = comparison.resources.iter().filter(|one| one.requires_pruning()).map(|one| &one.key);
    let asks = |key: &&Key| live.get(key).is_some_and(|live| prune_mode(live, &options) == PruneMode::Never);
    let stay = extra.filter(asks).cloned().collect();
    let decision = autosync::decide(&autosync::Input {
        stay: &stay,
        supersedes: true,
        hooks_run: false,
        automated: case.automated.as_ref(),
        comparison: &comparison,
        revisions: std::slice::from_ref(&case.revision),
        sources: std::slice::from_ref(&case.source),
        last: case.last.as_ref(),
        changed_since: false,
        keep: keep.as_deref(),
        now: case.now.parse().unwrap(),
    });
    let resources: Vec<String> = comparison
        .resources
        .iter()
        .map(|resource| {
            let prune = if resource.requires_pruning() { " requires pruning" } else { "" };
            format!("{} {}{prune}", resource.key, resource.sync)
        })
        .collect();
    let prune = matches!(decision, Decision::Start { prune: true, .. });
    let options = SyncOptions::default();
    let hooks = std::collections::BTreeMap::new();
    let scope = Scope { prune, keep: keep.as_deref(), only: &[], hooks: &hooks, options: &options };
    let (waves, kept) = show_tasks(&tasks(&comparison, &targets.by_key, &live, &scope, |_| false));
    let (reporting, settings) = (Reporting::default(), Settings::default());
    let judge = Judge { live: &live, reporting: &reporting, settings: &settings, now: Timestamp::UNIX_EPOCH };
    json!({
        "problems": targets.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sync": comparison.sync.to_string(),
        "health": health::aggregate(&case.owner(), &comparison, &judge).status.to_string(),
        "resources": resources,
        "keep": keep,
        "decision": show(&decision),
        "waves": waves,
        "kept": kept,
    })
}

fn render(case: &Case) -> Targets {
    let selection = Selection::new(&case.source).unwrap();
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    for (path, text) in case.files.iter().filter(|(path, _)| selection.wants(path)) {
        let parsed =
            source::parse(&SourceFile { path: path.clone(), oid: String::new(), text: Ok(text.as_str().into()) });
        manifests.extend(parsed.manifests);
        problems.extend(parsed.problems);
    }
    let options = mainstay_gitops::plan::options::SyncOptions::default();
    let owner = case.owner();
    let naming = Naming {
        app: &owner,
        namespace: &case.namespace,
        options: &options,
        permits: &|_| Ok(()),
        excludes: &|_| false,
    };
    let mut targets = target::targets(&manifests, &naming, &served(case));
    problems.append(&mut targets.problems);
    Targets { problems, ..targets }
}

fn served(case: &Case) -> Scopes {
    let gvk = |text: &String| {
        let (api_version, kind) = text.rsplit_once('/').unwrap();
        let (group, version) = mainstay_apimachinery::gvk::split_api_version(api_version);
        GroupVersionKind::new(group, version, kind)
    };
    let namespaced = case.namespaced.iter().map(|text| (gvk(text), true));
    namespaced.chain(case.cluster_scoped.iter().map(|text| (gvk(text), false))).collect()
}

fn show(decision: &Decision) -> String {
    match decision {
        Decision::Nothing => "nothing".into(),
        Decision::Wait(delay) => format!("wait {delay:?}"),
        Decision::Refuse(why) => format!("refuse: {why}"),
        Decision::Start { prune, heal_attempt } => format!("start, prune {prune}, heal attempt {heal_attempt}"),
    }
}

fn show_tasks(tasks: &Tasks) -> (Vec<String>, Vec<String>) {
    let names = |keys: &[Key]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let wave = |wave: &Wave| {
        let groups = wave.groups.iter().map(|group| names(group)).collect::<Vec<_>>().join(" then ");
        format!("{}: apply [{groups}] prune [{}]", wave.number, names(&wave.prunes))
    };
    let kept = tasks.kept.iter().map(|(key, why)| format!("{key}: {why}"));
    (tasks.waves.iter().map(wave).collect(), kept.collect())
}
