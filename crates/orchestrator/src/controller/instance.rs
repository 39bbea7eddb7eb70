//! Reconciles one instance.
//! It must not know how its graph was made.

use std::sync::Arc;

use mainstay_api::kro;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Action, Class, Informer, ObjectKey, WorkQueue};
use serde_json::Value;

use super::{Error, Orchestrator};
use crate::apply::{Applied, Writer};
use crate::children::Route;
use crate::conditions::status_patch;
use crate::graph::Graph;
use crate::report::{self, Standing};
use crate::{apply, fetch};

/// What reconciling an instance needs.
pub(super) struct Reconcile {
    pub(super) orchestrator: Arc<Orchestrator>,
    /// Name of the definition.
    pub(super) definition: String,
    pub(super) instances: Informer,
    pub(super) queue: WorkQueue<ObjectKey>,
}

impl Reconcile {
    /// Fetch, plan, apply, report.
    pub(super) async fn run(&self, key: &ObjectKey) -> Result<Action, Error> {
        let Some(cached) = self.instances.get_key(key) else { return Ok(Action::done()) };
        let Some(graph) = self.orchestrator.registry.graph(&self.definition) else {
            return self.without_graph(&cached).await;
        };
        let instance = self.orchestrator.children.recent().newest(&graph.instance.gvk, cached);
        let route = Route { queue: self.queue.clone(), key: key.clone(), graph: Arc::clone(&graph) };
        self.orchestrator.children.register(object::uid(&instance), route);
        let outcome = self.reconcile(&graph, &instance).await;
        if let Err(Error::Call(_, error)) = &outcome {
            let message = mainstay_telemetry::chain(error).to_string();
            self.say(&graph, &instance, "ERROR", ("ReconcileFailed", &message)).await;
        }
        outcome
    }

    /// The definition is bad and has been since this process began: all that can be done is to delete.
    async fn without_graph(&self, instance: &Value) -> Result<Action, Error> {
        let Some(stub) = self.orchestrator.registry.stub(&self.definition) else { return Ok(Action::done()) };
        let instance = self.orchestrator.children.recent().newest(&stub.instance.gvk, instance.clone());
        let route = Route { queue: self.queue.clone(), key: ObjectKey::of(&instance), graph: Arc::clone(&stub) };
        self.orchestrator.children.register(object::uid(&instance), route);
        if object::is_deleting(&instance) {
            return self.delete(&stub, &instance).await;
        }
        let message = format!("the definition `{}` is not valid; see its conditions", self.definition);
        self.say(&stub, &instance, "ERROR", ("InvalidDefinition", &message)).await;
        Ok(Action::done())
    }

    async fn reconcile(&self, graph: &Graph, instance: &Value) -> Result<Action, Error> {
        if object::is_deleting(instance) {
            return self.delete(graph, instance).await;
        }
        if matches!(object::annotation(instance, kro::RECONCILE), Some("suspended" | "disabled")) {
            let message = "the annotation kro.run/reconcile suspends it; remove the annotation to go on";
            self.say(graph, instance, "IN_PROGRESS", ("ReconciliationSuspended", message)).await;
            return Ok(Action::done());
        }
        let failed = |error| Error::call(instance, error);
        let writer = self.writer(graph, instance);
        writer.manage().await.map_err(failed)?;
        let fetched = fetch::fetch(&self.orchestrator.children, graph, instance).await;
        let fetched = fetched.map_err(|error| failed(apply::Error::Read(error)))?;
        let applied = writer.converge(fetched).await.map_err(failed)?;
        self.report(graph, instance, &applied).await.map_err(failed)?;
        result(instance, &applied)
    }

    fn writer<'a>(&'a self, graph: &'a Graph, instance: &'a Value) -> Writer<'a> {
        Writer { context: &self.orchestrator.context, children: &self.orchestrator.children, graph, instance }
    }

    async fn delete(&self, graph: &Graph, instance: &Value) -> Result<Action, Error> {
        if !object::finalizers(instance).any(|finalizer| finalizer == kro::FINALIZER) {
            self.orchestrator.children.unregister(object::uid(instance));
            return Ok(Action::done());
        }
        let remaining = self.writer(graph, instance).finalize().await;
        let remaining = remaining.map_err(|error| Error::call(instance, error))?;
        if remaining > 0 {
            let message = "the resources are being deleted, the last wave first";
            self.say(graph, instance, "DELETING", ("Deleting", message)).await;
        } else {
            self.orchestrator.children.unregister(object::uid(instance));
        }
        Ok(Action::done())
    }

    async fn report(&self, graph: &Graph, instance: &Value, applied: &Applied) -> Result<(), apply::Error> {
        let standing = Standing::of(applied);
        let now = self.orchestrator.context.clock.now_rfc3339();
        let status = report::instance_status(instance, &applied.plan.status, &standing, now);
        self.write_status(graph, instance, &status).await?;
        report::events(&self.orchestrator.context, instance, applied, &standing).await;
        Ok(())
    }

    /// Writes a status that is about the instance as a whole; a failure is logged, for one is being reported already.
    async fn say(&self, graph: &Graph, instance: &Value, state: &str, why: (&str, &str)) {
        let now = self.orchestrator.context.clock.now_rfc3339();
        let status = report::idle_status(instance, state, why, now);
        if let Err(error) = self.write_status(graph, instance, &status).await {
            tracing::debug!(instance = %object::describe(instance), error = %mainstay_telemetry::chain(&error), "failed to write status");
        }
    }

    async fn write_status(&self, graph: &Graph, instance: &Value, status: &Value) -> Result<(), apply::Error> {
        let Some(patch) = status_patch(instance.get("status"), status) else { return Ok(()) };
        let api = self.orchestrator.context.api(self.instances.resource(), object::namespace(instance));
        match api.merge_patch(crate::MANAGER, object::name(instance), Some("status"), &patch).await {
            Ok(written) => {
                self.orchestrator.children.recent().put(&graph.instance.gvk, &written);
                Ok(())
            }
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(apply::Error::Write(error)),
        }
    }
}

/// Refused objects make the reconcile fail, so that it is tried again: at once what may pass, later what was refused,
/// for a quota, a policy or a namespace may change without anything here being told.
fn result(instance: &Value, applied: &Applied) -> Result<Action, Error> {
    let Some(first) = applied.failures.first() else { return Ok(Action::done()) };
    let passing = applied.failures.iter().any(|failure| failure.class == Class::Retry);
    Err(Error::Refused {
        instance: object::describe(instance),
        count: applied.failures.len(),
        first: first.message.clone(),
        class: if passing { Class::Retry } else { Class::Wait },
    })
}
