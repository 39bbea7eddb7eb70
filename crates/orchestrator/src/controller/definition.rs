//! Reconciles one ResourceGraphDefinition: its kind is served, its instances are reconciled.
//! It must not know any instance.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mainstay_api::kro;
use mainstay_apimachinery::{FieldPath, GroupKind, GroupVersionKind, object};
use mainstay_controller_runtime::context::resource;
use mainstay_controller_runtime::{Action, Applier, Controller, Event, Informer, ObjectKey, WorkQueue};
use serde_json::{Value, json};

use super::{Error, Orchestrator, instance, kind_of};
use crate::apply;
use crate::catalog::Catalog;
use crate::changes::Changes;
use crate::compatibility::breaking_changes;
use crate::conditions::status_patch;
use crate::graph::{Graph, InstanceKind};
use crate::problem::Problem;
use crate::registry::{Definition, Serving};
use crate::report::{self, DefinitionStatus};
use crate::validate::validate;

/// Until it is known whether a kind has instances.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What reconciling a definition needs.
pub(super) struct Reconcile {
    pub(super) orchestrator: Arc<Orchestrator>,
    pub(super) definitions: Informer,
    /// CustomResourceDefinitions.
    pub(super) kinds: Informer,
    pub(super) queue: WorkQueue<ObjectKey>,
}

impl Reconcile {
    /// Fetch, validate, apply, report.
    pub(super) async fn run(&self, key: &ObjectKey) -> Result<Action, Error> {
        let Some(definition) = self.definitions.get_key(key) else {
            self.orchestrator.registry.remove(&key.name);
            return Ok(Action::done());
        };
        let failed = |error| Error::call(&definition, error);
        if object::is_deleting(&definition) {
            return self.delete(&definition).await.map_err(failed);
        }
        let (known, changed) = self.compiled(&definition);
        let mut status =
            DefinitionStatus { graph: known.graph.as_deref(), problems: &known.problems, ..Default::default() };
        let mut serving = known.serving.clone();
        let mut stub = None;
        if let Some(graph) = &known.graph {
            self.hold(&definition).await.map_err(failed)?;
            status.kind_error = self.ensure_kind(graph).await;
            if status.kind_error.is_none() && serving.is_none() {
                serving = Some(self.start(&key.name, &graph.instance));
            }
        } else if let Some(kind) = self.kind_left_by(&key.name) {
            let graph = Graph::stub(&key.name, &kind);
            serving = serving.or_else(|| Some(self.start(&key.name, &graph.instance)));
            stub = Some(Arc::new(graph));
        }
        status.serving = serving.is_some() && known.graph.is_some();
        self.orchestrator.registry.set(&key.name, Definition { serving: serving.clone(), stub, ..known.clone() });
        if let Some(serving) = serving.filter(|_| changed) {
            serving.instances.keys().into_iter().for_each(|key| serving.queue.add(key));
        }
        self.report(&definition, &status).await.map_err(failed)?;
        let unsure = known.fingerprint.is_empty() && !self.orchestrator.registry.has_synced(&key.name);
        Ok(if unsure { Action::requeue_after(LOOK_AGAIN) } else { Action::done() })
    }

    /// The definition compiled, anew only if it or the kinds it uses have changed. A bad one keeps the last good graph.
    fn compiled(&self, definition: &Value) -> (Definition, bool) {
        let known = self.orchestrator.registry.get(object::name(definition));
        let mentions = mentions(definition);
        let used: Vec<Value> = self.kinds.list().into_iter().filter(|kind| mentions.contains(&kind_of(kind))).collect();
        let versions = used.iter().map(|kind| (object::uid(kind).to_owned(), object::generation(kind)));
        let fingerprint = format!(
            "{}/{}/{:?}",
            object::uid(definition),
            object::generation(definition),
            versions.collect::<Vec<_>>()
        );
        if known.fingerprint == fingerprint {
            return (known, false);
        }
        let checked =
            validate(definition, &Catalog::with_definitions(&used)).map_err(|problems| (fingerprint.clone(), problems));
        // What is refused for the objects that exist is looked at again when they change: it has no fingerprint.
        let checked =
            checked.and_then(|graph| self.compatible(graph).map_err(|problem| (String::new(), vec![problem])));
        let (fingerprint, graph, problems) = match checked {
            Ok(graph) => (fingerprint, Some(Arc::new(graph)), Vec::new()),
            Err((fingerprint, problems)) => (fingerprint, known.graph, problems),
        };
        (Definition { fingerprint, graph, problems, mentions, serving: known.serving, stub: None }, true)
    }

    /// Refuses a change of the kind that would break instances.
    fn compatible(&self, graph: Graph) -> Result<Graph, Problem> {
        let live = self.kinds.get("", object::name(&graph.crd));
        let own = live.filter(|live| object::label(live, kro::DEFINITION_NAME) == Some(&graph.name));
        let breaking = own.map(|live| breaking_changes(&live, &graph.crd)).unwrap_or_default();
        if breaking.is_empty() || self.is_unused(&graph) {
            return Ok(graph);
        }
        let message = format!(
            "the change would break objects that exist: {}; take it back, or delete the objects first",
            breaking.join("; ")
        );
        Err(Problem::general(FieldPath::root().child("spec").child("schema"), message))
    }

    /// Brings the kind about; what prevents it, if anything does.
    async fn ensure_kind(&self, graph: &Graph) -> Option<String> {
        let kind = graph.instance.gvk.group_kind();
        if let Some(other) = self.orchestrator.registry.other_server(&graph.name, &kind) {
            return Some(format!("the definition `{other}` serves {kind} already; rename one of the two kinds"));
        }
        let live = self.kinds.get("", object::name(&graph.crd));
        let owner = live.as_ref().and_then(|live| object::label(live, kro::DEFINITION_NAME));
        let left_behind = owner.is_some_and(|owner| owner == graph.name || self.definitions.get("", owner).is_none());
        if live.is_some() && !left_behind {
            let by = owner.map_or_else(|| "someone else".to_owned(), |owner| format!("the definition `{owner}`"));
            return Some(format!(
                "{} is defined by {by} already; choose another kind or group",
                object::name(&graph.crd)
            ));
        }
        let mut desired = graph.crd.clone();
        for (key, value) in [(kro::OWNED, "true"), (kro::DEFINITION_NAME, graph.name.as_str())] {
            object::set_label(&mut desired, key, value);
        }
        let applier = Applier::new(&self.orchestrator.context, crate::MANAGER);
        match applier.apply(&desired, live.as_ref(), None).await {
            Ok(applied) if crate::conditions::is_true(&applied.object, "Established") => None,
            // Names are accepted a moment after the write that brings them.
            Ok(_) if self.is_established(object::name(&desired)).await => None,
            Ok(_) => Some(format!("{} is not established yet", object::name(&desired))),
            Err(error) => Some(mainstay_telemetry::chain(&error).to_string()),
        }
    }

    async fn is_established(&self, name: &str) -> bool {
        let live = self.orchestrator.context.api(self.kinds.resource(), None).get(name).await;
        matches!(live, Ok(Some(live)) if crate::conditions::is_true(&live, "Established"))
    }

    /// Whether there are no instances, as far as is known.
    fn is_unused(&self, graph: &Graph) -> bool {
        let serving = self.orchestrator.registry.get(&graph.name).serving;
        serving.is_some_and(|serving| serving.instances.has_synced() && serving.instances.is_empty())
    }

    /// The kind that a definition brought before it turned bad, in an earlier process.
    fn kind_left_by(&self, name: &str) -> Option<Value> {
        self.kinds.list().into_iter().find(|kind| object::label(kind, kro::DEFINITION_NAME) == Some(name))
    }

    fn start(&self, name: &str, kind: &InstanceKind) -> Serving {
        let mut context = self.orchestrator.context.clone();
        let stop = context.shutdown.child_token();
        context.shutdown = stop.clone();
        let GroupVersionKind { group, version, kind: kind_name } = &kind.gvk;
        let instances = context.informers.informer(&resource(group, version, kind_name, &kind.plural));
        let (definitions, own) = (self.queue.clone(), name.to_owned());
        let changes = Changes::default();
        let controller = Controller::new("instance", &context).watch(&instances, move |event| {
            // A definition that is going away waits for its last instance.
            if let Event::Deleted { object } = event {
                changes.forget(object);
                definitions.add(ObjectKey::new("", own.clone()));
                return Some(ObjectKey::of(object));
            }
            // Our own status is no news.
            Some(event.object()).filter(|object| changes.beyond_status(object)).map(ObjectKey::of)
        });
        let queue = controller.queue();
        let serving = Serving { queue: queue.clone(), instances: instances.clone(), stop };
        let (orchestrator, definition) = (Arc::clone(&self.orchestrator), name.to_owned());
        controller.spawn(move |key| {
            let reconcile = instance::Reconcile {
                orchestrator: Arc::clone(&orchestrator),
                definition: definition.clone(),
                instances: instances.clone(),
                queue: queue.clone(),
            };
            async move { reconcile.run(&key).await }
        });
        serving
    }

    /// A definition stays until its last instance is gone: without it nobody could delete their children.
    async fn hold(&self, definition: &Value) -> Result<(), apply::Error> {
        if object::finalizers(definition).any(|finalizer| finalizer == kro::FINALIZER) {
            return Ok(());
        }
        let finalizers: Vec<_> = object::finalizers(definition).chain([kro::FINALIZER]).collect();
        self.patch(definition, json!({"finalizers": finalizers})).await
    }

    async fn patch(&self, definition: &Value, mut metadata: Value) -> Result<(), apply::Error> {
        metadata["resourceVersion"] = json!(object::resource_version(definition));
        let api = self.orchestrator.context.api(self.definitions.resource(), None);
        api.merge_patch(crate::MANAGER, object::name(definition), None, &json!({"metadata": metadata})).await?;
        Ok(())
    }

    /// What serves a definition that is going away: a new process starts it once more, for the instances that remain.
    async fn resumed(&self, definition: &Value) -> Definition {
        let (mut known, _) = self.compiled(definition);
        if let (Some(graph), None) = (&known.graph, &known.serving)
            && self.kinds.get("", object::name(&graph.crd)).is_some()
        {
            known.serving = Some(self.start(object::name(definition), &graph.instance));
            self.orchestrator.registry.set(object::name(definition), known.clone());
        }
        if let Some(serving) = &known.serving {
            serving.instances.synced().await;
        }
        known
    }

    async fn delete(&self, definition: &Value) -> Result<Action, apply::Error> {
        let known = self.resumed(definition).await;
        let instances = known.serving.as_ref().map_or(0, |serving| serving.instances.len());
        if instances > 0 {
            let problem = format!("{instances} instances remain; delete them first, and the definition goes by itself");
            let status = DefinitionStatus {
                graph: known.graph.as_deref(),
                kind_error: Some(problem),
                serving: true,
                ..Default::default()
            };
            self.report(definition, &status).await?;
            return Ok(Action::done());
        }
        self.orchestrator.registry.remove(object::name(definition));
        let rest: Vec<_> = object::finalizers(definition).filter(|name| *name != kro::FINALIZER).collect();
        match self.patch(definition, json!({"finalizers": rest})).await {
            Err(apply::Error::Write(error)) if error.is_not_found() => Ok(Action::done()),
            other => other.map(|()| Action::done()),
        }
    }

    async fn report(&self, definition: &Value, status: &DefinitionStatus<'_>) -> Result<(), apply::Error> {
        let now = self.orchestrator.context.clock.now_rfc3339();
        let status = status.to_value(definition, now);
        let Some(patch) = status_patch(definition.get("status"), &status) else { return Ok(()) };
        report::definition_event(&self.orchestrator.context, definition, &status).await;
        let api = self.orchestrator.context.api(self.definitions.resource(), None);
        api.merge_patch(crate::MANAGER, object::name(definition), Some("status"), &patch).await?;
        Ok(())
    }
}

/// The kinds a definition uses, whatever else is wrong with it.
fn mentions(definition: &Value) -> BTreeSet<GroupKind> {
    let resources = definition.pointer("/spec/resources").and_then(Value::as_array);
    let bodies = resources.into_iter().flatten().filter_map(|node| node.get("template").or(node.get("externalRef")));
    bodies.filter_map(GroupVersionKind::of).map(|gvk| gvk.group_kind()).collect()
}
