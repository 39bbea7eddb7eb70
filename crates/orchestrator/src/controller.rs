//! The controllers of one cluster: one for definitions, and one for each kind that a definition brings.
//! It must not hold rules of its own: a reconcile is fetch, validate, plan, apply, report.

mod definition;
mod instance;

use std::sync::Arc;
use std::time::Duration;

use mainstay_api::kro;
use mainstay_apimachinery::{GroupKind, object};
use mainstay_controller_runtime::context::resource;
use mainstay_controller_runtime::{ApiResource, ApplyOptions, Class, Classify, Context, Controller, Event, ObjectKey};
use mainstay_telemetry::chain;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::apply;
use crate::children::Children;
use crate::registry::Registry;

/// Wait before the definition of ResourceGraphDefinition is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// What the controllers of one cluster share.
#[derive(Clone)]
struct Orchestrator {
    context: Context,
    children: Children,
    registry: Registry,
}

/// A reconcile failed; what is wrong stands on the object's conditions too.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A call failed.
    #[error("failed to reconcile {0}")]
    Call(String, #[source] Box<apply::Error>),
    /// Some objects could not be applied.
    #[error("failed to apply {count} resources of {instance}: {first}")]
    Refused { instance: String, count: usize, first: String, class: Class },
}

impl Error {
    fn call(object: &Value, error: apply::Error) -> Self {
        Self::Call(object::describe(object), Box::new(error))
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Call(_, error) => error.class(),
            Self::Refused { class, .. } => *class,
        }
    }
}

/// Starts the controllers of one cluster: installs the ResourceGraphDefinition kind, then serves definitions until
/// the context shuts down. Must be called within a runtime.
pub fn run(context: Context) -> JoinHandle<()> {
    tokio::spawn(async move {
        let shutdown = context.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = install(&context) => serve(context),
        }
    })
}

async fn install(context: &Context) {
    let pending = context.probe.begin();
    let definition = kro::custom_resource_definition();
    let api = context.api(&definitions_of_kinds(), None);
    while let Err(error) = api.apply(&definition, &ApplyOptions::forced(crate::MANAGER)).await {
        tracing::warn!(error = %chain(&error), "failed to install ResourceGraphDefinition, trying again");
        context.clock.sleep(RETRY).await;
    }
    drop(pending);
}

fn definitions_of_kinds() -> ApiResource {
    resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
}

fn serve(context: Context) {
    let orchestrator =
        Orchestrator { children: Children::new(&context), registry: Registry::default(), context: context.clone() };
    let definitions = context.informers.informer(&resource(kro::GROUP, kro::VERSION, kro::KIND, kro::PLURAL));
    let kinds = context.informers.informer(&definitions_of_kinds());
    let (registry, children) = (orchestrator.registry.clone(), orchestrator.children.clone());
    let controller = Controller::new("definition", &context)
        .watch(&definitions, |event| [ObjectKey::of(event.object())])
        .watch(&kinds, move |event| concerned(event, &registry, &children))
        .concurrency(1);
    let (queue, orchestrator) = (controller.queue(), Arc::new(orchestrator));
    controller.spawn(move |key| {
        let reconcile = definition::Reconcile {
            orchestrator: Arc::clone(&orchestrator),
            definitions: definitions.clone(),
            kinds: kinds.clone(),
            queue: queue.clone(),
        };
        async move { reconcile.run(&key).await }
    });
}

/// The definitions that a change of a CustomResourceDefinition concerns.
fn concerned(event: &Event<'_>, registry: &Registry, children: &Children) -> Vec<ObjectKey> {
    let kind = kind_of(event.object());
    children.group_changed(&kind.group);
    registry.concerned(&kind).into_iter().map(|name| ObjectKey::new("", name)).collect()
}

/// The kind a CustomResourceDefinition defines.
fn kind_of(definition: &Value) -> GroupKind {
    let text = |pointer| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    GroupKind { group: text("/spec/group"), kind: text("/spec/names/kind") }
}
