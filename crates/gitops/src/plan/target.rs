//! Desired resources: manifests brought to the form they are applied in.
//! It must not know where manifests come from, nor what is live.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mainstay_api::argoproj;
use mainstay_apimachinery::{FieldPath, GroupVersionKind, object, yaml};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::hook::{self, Hook, Role};
use super::key::Key;
use super::options::SyncOptions;
use super::problem::{Cause, Problem};
use super::tracking::Owner;
use super::vain;

/// One document of a source, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The object as it is written.
    pub object: Value,
    /// Path from the root of the repository.
    pub file: Arc<str>,
    /// First line of the document, from 1; 0 where it was put together from several.
    pub line: usize,
    /// Where its fields stand; `None` for an item of a list.
    pub anchor: Option<Anchor>,
}

/// Where the fields of a manifest stand in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchor {
    document: Arc<yaml::Document>,
    above: usize,
}

impl Anchor {
    /// The anchor of a document that has so many lines of its file above it. The document's value is not needed.
    #[must_use]
    pub fn new(document: yaml::Document, above: usize) -> Self {
        Self { document: Arc::new(document), above }
    }

    /// Line and column of the field that a refusal of an API server names first, as in
    /// `Deployment.apps "web" is invalid: spec.replicas: Invalid value: …` or
    /// `failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replicas: expected …`.
    #[must_use]
    pub fn refused_field(&self, refusal: &str) -> Option<(usize, usize)> {
        let untyped = || refusal.strip_prefix("failed to create typed patch object (")?.split_once("): ");
        let (_, errors) = refusal.split_once(" is invalid: ").or_else(untyped)?;
        let errors = errors.trim_start_matches("errors:").trim_start();
        let (field, _) = errors.trim_start_matches(['[', '.']).split_once(": ")?;
        let path = FieldPath::root().child(field);
        let (line, column) = self.document.position_of(&path).filter(|_| !field.contains(' '))?;
        Some((line + self.above, column))
    }

    /// Line and column of the first field of the document that a condition's message names, as in
    /// ``resource `web`, field spec.resources[0].template: …``. A path that leads nowhere below its first name is
    /// another object's.
    #[must_use]
    pub fn named_field(&self, message: &str) -> Option<(usize, usize)> {
        let named = message.split("field ").skip(1).filter_map(|after| after.split_whitespace().next());
        let found = named.filter_map(|field| {
            let field = field.trim_matches(|c: char| matches!(c, '`' | '"' | ',' | ':' | ';' | '.'));
            let (top, _) = field.split_once(['.', '['])?;
            let place = |path: &str| self.document.position_of(&FieldPath::root().child(path));
            place(field).filter(|found| Some(*found) != place(top))
        });
        found.map(|(line, column)| (line + self.above, column)).next()
    }
}

impl Manifest {
    /// `file:line`, or the file alone.
    #[must_use]
    pub fn origin(&self) -> String {
        if self.line == 0 { self.file.to_string() } else { format!("{}:{}", self.file, self.line) }
    }
}

/// A desired resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its key.
    pub key: Key,
    /// Version in its `apiVersion`.
    pub version: String,
    /// The object to apply, with namespace and tracking id, without a thread.
    pub object: Value,
    /// Equal for equal objects within one run of the program.
    pub hash: u64,
    /// Sync wave.
    pub wave: i64,
    /// Its own sync options.
    pub options: SyncOptions,
    /// `file:line`.
    pub origin: String,
    /// Where its fields stand.
    pub anchor: Option<Anchor>,
    /// How it is written.
    pub mode: Mode,
    /// Whether it must not be applied: its project forbids it, or the destination does not serve its kind (and no CRD
    /// of the same source brings it).
    pub blocked: bool,
}

impl Target {
    /// `file:line:column` of the field that a refusal names, or where the manifest begins.
    #[must_use]
    pub fn place_of(&self, refusal: &str) -> String {
        self.place(self.anchor.as_ref().and_then(|anchor| anchor.refused_field(refusal)))
    }

    /// `file:line:column` of the field that a condition of the live object names, or where the manifest begins.
    #[must_use]
    pub fn place_named(&self, message: &str) -> String {
        self.place(self.anchor.as_ref().and_then(|anchor| anchor.named_field(message)))
    }

    fn place(&self, field: Option<(usize, usize)>) -> String {
        match (field, self.origin.rsplit_once(':')) {
            (Some((line, column)), Some((file, _))) => format!("{file}:{line}:{column}"),
            _ => self.origin.clone(),
        }
    }

    /// The kind with its version.
    #[must_use]
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(&self.key.group, &self.version, &self.key.kind)
    }
}

/// How a resource is written where it is live already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mode {
    /// It is replaced as a whole, so that nothing is left of what others wrote.
    pub replace: bool,
    /// It is deleted and made anew: always with `replace`, or else where the server refuses to change it.
    pub force: bool,
}

impl Mode {
    /// The mode that a manifest asks for, or else its application.
    #[must_use]
    pub fn of(own: &SyncOptions, app: &SyncOptions) -> Self {
        let asked = |name: &str| own.value(name).or_else(|| app.value(name)) == Some("true");
        Self { replace: asked("Replace"), force: asked("Force") }
    }
}

/// What an application brings to its manifests.
#[derive(Clone, Copy)]
pub struct Naming<'a> {
    /// The application.
    pub app: &'a Owner,
    /// Namespace of its destination; may be empty.
    pub namespace: &'a str,
    /// Its sync options.
    pub options: &'a SyncOptions,
    /// What the project says to a resource.
    pub permits: &'a dyn Fn(&Key) -> Result<(), String>,
    /// Whether resources of its kind are left alone.
    pub excludes: &'a dyn Fn(&Key) -> bool,
}

/// Whether a kind is namespaced, for each kind that the destination serves.
pub type Scopes = BTreeMap<GroupVersionKind, bool>;

/// The desired resources of a source, by key, and what is wrong with the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// By key; of a repeated resource the last.
    pub by_key: BTreeMap<Key, Target>,
    /// Hooks, in the order of the source.
    pub hooks: Vec<Hook>,
    /// What was left out or needs a remark.
    pub problems: Vec<Problem>,
}

/// The kinds a set of manifests uses.
#[must_use]
pub fn kinds(manifests: &[Manifest]) -> Vec<GroupVersionKind> {
    let mut kinds: Vec<_> = manifests.iter().filter_map(|manifest| GroupVersionKind::of(&manifest.object)).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Brings manifests to the form they are applied in.
#[must_use]
pub fn targets(manifests: &[Manifest], naming: &Naming<'_>, served: &Scopes) -> Targets {
    let defined = defined_kinds(manifests);
    let mut result = Targets::default();
    let mut first_seen: HashMap<Key, String> = HashMap::new();
    for manifest in manifests {
        match target(manifest, naming, |gvk| served.get(gvk).or_else(|| defined.get(gvk)).copied()) {
            Ok(None) => {}
            Err(problem) => result.problems.push(*problem),
            Ok(Some((target, _))) if (naming.excludes)(&target.key) => result.problems.push(excluded(&target)),
            Ok(Some((target, problem))) => {
                result.problems.extend(problem);
                let vain = vain::manifest(&target.object).into_iter();
                let vain = vain.map(|said| Problem::new(Cause::InVain, &target.origin, said).of(&target.key));
                result.problems.extend(vain);
                if let Role::Hook(phases) = hook::role(&target.object) {
                    result.hooks.push(Hook { phases, target });
                    continue;
                }
                if let Some(first) = first_seen.insert(target.key.clone(), target.origin.clone()) {
                    let message = format!("is already in {first}; the later one is used, delete one of them");
                    result.problems.push(Problem::new(Cause::Repeated, &target.origin, message).of(&target.key));
                }
                result.by_key.insert(target.key.clone(), target);
            }
        }
    }
    result
}

/// Upstream's words.
fn excluded(target: &Target) -> Problem {
    let Key { group, kind, name, .. } = &target.key;
    let message = format!("Resource {group}/{kind} {name} is excluded in the settings");
    Problem::new(Cause::Excluded, &target.origin, message).of(&target.key)
}

fn unknown_kind(target: &Target) -> Problem {
    let message = format!(
        "the destination serves no {}; fix apiVersion and kind, or install its CustomResourceDefinition",
        target.gvk()
    );
    Problem::new(Cause::UnknownKind, &target.origin, message).of(&target.key)
}

/// Kinds that CRDs among the manifests will bring.
fn defined_kinds(manifests: &[Manifest]) -> Scopes {
    let mut defined = Scopes::new();
    for crd in manifests.iter().map(|m| &m.object).filter(|o| object::kind(o) == "CustomResourceDefinition") {
        let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
        for version in versions.into_iter().flatten().filter_map(|version| version.get("name")?.as_str()) {
            let gvk = GroupVersionKind::new(text("/spec/group"), version, text("/spec/names/kind"));
            defined.insert(gvk, text("/spec/scope") != "Cluster");
        }
    }
    defined
}

fn target(
    manifest: &Manifest,
    naming: &Naming<'_>,
    namespaced: impl Fn(&GroupVersionKind) -> Option<bool>,
) -> Result<Option<(Target, Option<Problem>)>, Box<Problem>> {
    let mut value = manifest.object.clone();
    let origin = manifest.origin();
    let Some(gvk) = GroupVersionKind::of(&value) else {
        return Err(Problem::new(Cause::NotAManifest, origin, "apiVersion and kind must be strings").into());
    };
    let role = hook::role(&value);
    if role == Role::Skipped {
        return Ok(None);
    }
    let generates = matches!(role, Role::Hook(_)) && value.pointer("/metadata/generateName").is_some();
    if object::name(&value).is_empty() && !generates {
        let message = format!("{} has no metadata.name; give it one", gvk.kind);
        return Err(Problem::new(Cause::NotAManifest, origin, message).into());
    }
    let scope = namespaced(&gvk);
    place(&mut value, naming, scope);
    clean(&mut value);
    let key = Key::of(&value);
    naming.app.mark(&mut value, &key, naming.namespace);
    let options = SyncOptions::of(&value);
    let mode = Mode::of(&options, naming.options);
    if mode.replace {
        // An apply does not take away what a replacement left out; so the manifest itself is part of what is compared.
        let digest = digest(&value);
        object::set_annotation(&mut value, argoproj::REPLACED_WITH, &digest);
    }
    let target = Target {
        hash: hash(&value),
        wave: wave(&value),
        options,
        mode,
        object: value,
        version: gvk.version,
        anchor: manifest.anchor.clone(),
        blocked: false,
        key,
        origin,
    };
    let problem = match (naming.permits)(&target.key) {
        Err(refusal) => Some(Problem::new(Cause::Forbidden, &target.origin, refusal).of(&target.key)),
        Ok(()) if scope.is_none() => Some(unknown_kind(&target)),
        Ok(()) => None,
    };
    Ok(Some((Target { blocked: problem.is_some(), ..target }, problem)))
}

/// Namespaced and unknown kinds go to the destination's namespace unless they name their own; cluster-scoped kinds
/// have none.
fn place(value: &mut Value, naming: &Naming<'_>, namespaced: Option<bool>) {
    if namespaced == Some(false) {
        object::metadata_mut(value).remove("namespace");
    } else if object::namespace(value).is_none() && !naming.namespace.is_empty() {
        object::set_namespace(value, naming.namespace);
    }
}

/// Removes what a server sets and an apply may not carry: manifests are often copied from a live object.
fn clean(value: &mut Value) {
    let metadata = object::metadata_mut(value);
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] {
        metadata.remove(field);
    }
    for field in ["annotations", "labels"] {
        if metadata.get(field).is_some_and(Value::is_null) {
            metadata.remove(field);
        }
    }
}

/// The sync wave of an object, or else helm's weight; 0 where there is none or it is no number.
#[must_use]
pub fn wave(value: &Value) -> i64 {
    let number = |annotation: &str| object::annotation(value, annotation)?.trim().parse().ok();
    number(argoproj::SYNC_WAVE).or_else(|| number(argoproj::HELM_HOOK_WEIGHT)).unwrap_or(0)
}

/// The first 16 hexadecimal digits of the SHA-256 of a manifest.
fn digest(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A hash that is equal for equal values within one run of the program.
#[must_use]
pub fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_into(value, &mut hasher);
    hasher.finish()
}

fn hash_into(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0_u8.hash(hasher),
        Value::Bool(flag) => (1_u8, flag).hash(hasher),
        Value::Number(number) => (2_u8, number).hash(hasher),
        Value::String(text) => (3_u8, text).hash(hasher),
        Value::Array(items) => {
            (4_u8, items.len()).hash(hasher);
            items.iter().for_each(|item| hash_into(item, hasher));
        }
        Value::Object(map) => {
            (5_u8, map.len()).hash(hasher);
            for (key, item) in map {
                key.hash(hasher);
                hash_into(item, hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(object: Value, line: usize) -> Manifest {
        Manifest { object, file: "shop/dev.yaml".into(), line, anchor: None }
    }

    fn served() -> Scopes {
        let kinds = [
            ("", "v1", "ConfigMap", true),
            ("", "v1", "Namespace", false),
            ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", false),
        ];
        kinds.into_iter().map(|(g, v, k, namespaced)| (GroupVersionKind::new(g, v, k), namespaced)).collect()
    }

    static NO_OPTIONS: std::sync::LazyLock<SyncOptions> = std::sync::LazyLock::new(SyncOptions::default);
    static OWNER: std::sync::LazyLock<Owner> = std::sync::LazyLock::new(|| {
        Owner::new("argocd", "shop-dev", "argocd", &crate::plan::tracking::Tracking::default())
    });
    fn naming() -> Naming<'static> {
        Naming {
            app: &OWNER,
            namespace: "shop",
            options: &NO_OPTIONS,
            permits: &|_| Ok(()),
            excludes: &|key| key.kind == "Secret",
        }
    }

    #[test]
    fn namespaces_and_tracking_ids_are_set() {
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "x", "resourceVersion": "1"}});
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "namespace": "oops"}});
        let targets = targets(&[manifest(config, 1), manifest(space, 7)], &naming(), &served());
        let objects: Vec<_> = targets.by_key.values().map(|target| &target.object["metadata"]).collect();
        assert_eq!(
            objects[0],
            &json!({"name": "a", "namespace": "shop", "annotations": {"argocd.argoproj.io/tracking-id": "shop-dev:/ConfigMap:shop/a"}})
        );
        assert_eq!(
            objects[1],
            &json!({"name": "n", "annotations": {"argocd.argoproj.io/tracking-id": "shop-dev:/Namespace:shop/n"}})
        );
        assert!(targets.problems.is_empty());
    }

    #[test]
    fn a_refusal_leads_to_the_line_of_its_field() {
        let mut document = yaml::parse_one("kind: Deployment\nspec:\n  replicas: -1\n").unwrap();
        document.value.take();
        let anchor = Anchor::new(document, 10);
        let refusal = "Deployment.apps \"web\" is invalid: [spec.replicas: Invalid value: -1: must be >= 0, spec.x: y]";
        assert_eq!(anchor.refused_field(refusal), Some((13, 3)));
        assert_eq!(anchor.refused_field("namespaces \"shop\" not found"), None);
        let said = |field: &str| anchor.named_field(&format!("resource `web`, field {field}: why; field spec.x: y"));
        assert_eq!(said("spec.replicas"), Some((13, 3)));
        assert_eq!(said("spec.template.spec"), None, "that is a field of another object");
        assert_eq!(anchor.named_field("a field is wrong"), None);
    }

    #[test]
    fn unknown_kinds_and_repeats_are_reported_with_their_line() {
        let typo = json!({"apiVersion": "v1", "kind": "ConfgMap", "metadata": {"name": "a"}});
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        let targets =
            targets(&[manifest(typo, 3), manifest(config.clone(), 9), manifest(config, 15)], &naming(), &served());
        let said: Vec<_> = targets.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said[0],
            "shop/dev.yaml:3: ConfgMap/shop/a: the destination serves no v1, Kind=ConfgMap; fix apiVersion and kind, or install its CustomResourceDefinition"
        );
        assert!(
            said[1].starts_with("shop/dev.yaml:15: ConfigMap/shop/a: is already in shop/dev.yaml:9"),
            "{}",
            said[1]
        );
        assert!(targets.problems[0].leaves_a_gap() && !targets.problems[1].leaves_a_gap());
    }

    #[test]
    fn a_kind_defined_in_the_same_source_is_known() {
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "foos.x.io"},
            "spec": {"group": "x.io", "scope": "Cluster", "names": {"kind": "Foo"}, "versions": [{"name": "v1"}]}});
        let foo = json!({"apiVersion": "x.io/v1", "kind": "Foo", "metadata": {"name": "f"}});
        let targets = targets(&[manifest(foo, 1), manifest(crd, 5)], &naming(), &served());
        assert!(targets.problems.is_empty());
        assert!(targets.by_key.keys().any(|key| key.kind == "Foo" && key.namespace.is_empty()));
    }

    #[test]
    fn excluded_kinds_are_left_out_with_a_warning() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
        let targets = targets(&[manifest(secret, 4)], &naming(), &served());
        assert!(targets.by_key.is_empty() && targets.hooks.is_empty());
        let problem = &targets.problems[0];
        assert_eq!(
            problem.to_string(),
            "shop/dev.yaml:4: Secret/shop/s: Resource /Secret s is excluded in the settings"
        );
        assert_eq!((problem.condition(), problem.leaves_a_gap()), ("ExcludedResourceWarning", false));
    }

    #[test]
    fn hooks_are_apart_from_resources() {
        let hooked = |hook: &str, name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {name: "a-", "annotations": {"argocd.argoproj.io/hook": hook}}});
        let manifests = [manifest(hooked("PreSync", "generateName"), 1), manifest(hooked("Skip", "name"), 4)];
        let result = targets(&manifests, &naming(), &served());
        assert!(result.by_key.is_empty() && result.problems.is_empty());
        let attempt =
            hook::Attempt { revision: "0123456789".into(), started_at: "2026-01-01T00:00:00Z".into(), retries: 0 };
        let made = result.hooks[0].instance(hook::Phase::PreSync, &attempt);
        assert_eq!(made.key.name, "a-0123456-presync-1767225600");
        assert_eq!(crate::plan::tracking::tracked_by(&made.object), Some("shop-dev"));
        assert!(attempt.made(&made.object, hook::Phase::PreSync));
    }
}
