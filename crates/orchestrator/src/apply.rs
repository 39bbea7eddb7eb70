//! Makes the cluster as planned: applies in passes, prunes what is no longer wanted, deletes in reverse.
//! It must not choose: what there should be is in the plan.

use std::collections::BTreeSet;

use futures::future::join_all;
use mainstay_api::kro;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::{Applier, Change, Class, Classify, Context, ObjectKey, applier, mapper};
use mainstay_telemetry::Thread;
use mainstay_telemetry::chain;
use serde_json::{Value, json};

use crate::children::{self, Children};
use crate::fetch::{self, CHILD_KINDS, Fetched};
use crate::graph::Graph;
use crate::plan::{Observed, Plan, applyset_id, instance_labels, plan};

/// What a reconcile did.
#[derive(Debug, Default)]
pub struct Applied {
    /// The plan that nothing more came of.
    pub plan: Plan,
    /// Names of the objects that were created or changed.
    pub changed: Vec<String>,
    /// Names of the objects that were deleted because they are no longer wanted.
    pub pruned: Vec<String>,
    /// What the cluster refused.
    pub failures: Vec<Failure>,
}

/// One object that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its node.
    pub id: String,
    /// What, why, and what to do.
    pub message: String,
    /// Whether trying again can help.
    pub class: Class,
}

/// A call that stands on its own failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A child cannot be read.
    #[error(transparent)]
    Read(#[from] children::Error),
    /// A kind cannot be found.
    #[error("failed to find the resource of {0}")]
    Discover(GroupVersionKind, #[source] mapper::Error),
    /// A write failed.
    #[error(transparent)]
    Write(#[from] mainstay_controller_runtime::api::Error),
    /// A deletion failed.
    #[error(transparent)]
    Delete(#[from] applier::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read(_) | Self::Discover(..) => Class::Retry,
            // A conflict of a merge patch: the cache will catch up.
            Self::Write(error) if error.is_conflict() => Class::Retry,
            Self::Write(error) => error.class(),
            Self::Delete(error) => error.class(),
        }
    }
}

/// Writes for one instance.
pub struct Writer<'a> {
    /// The cluster.
    pub context: &'a Context,
    /// Its caches.
    pub children: &'a Children,
    /// The instance's graph.
    pub graph: &'a Graph,
    /// The instance.
    pub instance: &'a Value,
}

impl Writer<'_> {
    fn applier(&self) -> Applier {
        Applier::new(self.context, crate::MANAGER)
    }

    fn thread(&self) -> Option<Thread> {
        object::annotation(self.instance, mainstay_telemetry::thread::ANNOTATION)?.parse().ok()
    }

    /// Plans and applies until nothing new comes, then prunes.
    ///
    /// # Errors
    /// When a cache cannot be read or a deletion fails; what is refused is in the result.
    pub async fn converge(&self, fetched: Fetched) -> Result<Applied, Error> {
        let Fetched { mut observed, children } = fetched;
        let mut applied = Applied::default();
        let mut done = BTreeSet::new();
        loop {
            fetch::external(self.children, self.graph, self.instance, &mut observed).await?;
            applied.plan = plan(self.graph, self.instance, &observed);
            if !applied.plan.refusals.is_empty() {
                return Ok(applied);
            }
            let key = |id: &str, object: &Value| (id.to_owned(), ObjectKey::of(object));
            let todo: Vec<_> = applied.plan.objects().filter(|(id, object)| !done.contains(&key(id, object))).collect();
            if todo.is_empty() {
                break;
            }
            done.extend(todo.iter().map(|(id, object)| key(id, object)));
            let results = join_all(todo.iter().map(|(id, object)| self.apply(id, object, &observed))).await;
            let named: Vec<_> = todo.iter().map(|(id, object)| ((*id).to_owned(), object::describe(object))).collect();
            let before = (applied.changed.len(), observed.count());
            for ((id, name), result) in named.into_iter().zip(results) {
                applied.take(&id, name, result, &mut observed);
            }
            // Nothing was written, so another pass would see what this one saw.
            if (applied.changed.len(), observed.count()) == before {
                break;
            }
        }
        self.prune(&children, &mut applied).await?;
        Ok(applied)
    }

    async fn apply(&self, id: &str, desired: &Value, observed: &Observed) -> Result<applier::Applied, Failure> {
        let failure = |message: String, class| Failure { id: id.to_owned(), message, class };
        let live = match observed.live(id, desired) {
            Some(live) => Some(live.clone()),
            None => self.foreign(desired).await.map_err(|message| failure(message, Class::Wait))?,
        };
        let applied = self.applier().apply(desired, live.as_ref(), self.thread().as_ref()).await;
        let applied = applied.map_err(|error| failure(chain(&error).to_string(), error.class()))?;
        if applied.change != Change::Unchanged
            && let Some(gvk) = GroupVersionKind::of(desired)
        {
            self.children.recent().put(&gvk, &applied.object);
        }
        Ok(applied)
    }

    /// An object of that name that is not yet a child: adopted, unless it is another instance's.
    async fn foreign(&self, desired: &Value) -> Result<Option<Value>, String> {
        let Some(gvk) = GroupVersionKind::of(desired) else { return Ok(None) };
        let Ok(Some(cache)) = self.children.cache(&gvk).await else { return Ok(None) };
        let Some(found) = cache.get_key(&ObjectKey::of(desired)) else { return Ok(None) };
        match object::label(&found, kro::PART_OF) {
            Some(set) if set != applyset_id(self.instance) => {
                let owner = |key| object::label(&found, key).unwrap_or("another");
                Err(format!(
                    "{} already belongs to {} {}; rename one of the two",
                    object::describe(&found),
                    owner(kro::INSTANCE_KIND),
                    owner(kro::INSTANCE_NAME)
                ))
            }
            _ => Ok(Some(found)),
        }
    }

    /// Deletes children that are no longer wanted, only if everything that is wanted is known and there.
    async fn prune(&self, children: &[Value], applied: &mut Applied) -> Result<(), Error> {
        if !applied.failures.is_empty() || !applied.plan.is_complete() {
            return Ok(());
        }
        let wanted: BTreeSet<_> =
            applied.plan.objects().map(|(_, object)| (GroupVersionKind::of(object), ObjectKey::of(object))).collect();
        let gone = |child: &&Value| {
            !object::is_deleting(child) && !wanted.contains(&(GroupVersionKind::of(child), ObjectKey::of(child)))
        };
        let mut gone: Vec<&Value> = children.iter().filter(gone).collect();
        gone.sort_by_key(|child| std::cmp::Reverse(order_of(child)));
        for child in gone {
            if self.applier().delete(child).await? {
                applied.pruned.push(object::describe(child));
            }
        }
        Ok(())
    }

    /// Sets the finalizer, the labels and the inventory of kinds, if they are not as they should be. Nothing is
    /// applied before: a child must never be without a way to be found again.
    ///
    /// # Errors
    /// When the write fails, also because the instance has changed.
    pub async fn manage(&self) -> Result<(), Error> {
        let kinds = fetch::child_kinds(self.graph, self.instance);
        let list = |text: &dyn Fn(&GroupVersionKind) -> String| kinds.iter().map(text).collect::<Vec<_>>().join(",");
        let annotations = [
            (kro::APPLYSET_TOOLING, "kro/v1alpha1".to_owned()),
            (kro::APPLYSET_KINDS, list(&|gvk| gvk.group_kind().to_string())),
            (CHILD_KINDS, list(&|gvk| format!("{}/{}", gvk.api_version(), gvk.kind))),
        ];
        let [owned, id, name] = instance_labels(self.graph);
        let labels = [owned, id, name, (kro::APPLYSET_ID, applyset_id(self.instance))];
        let as_should_be = object::finalizers(self.instance).any(|finalizer| finalizer == kro::FINALIZER)
            && labels.iter().all(|(key, value)| object::label(self.instance, key) == Some(value))
            && annotations.iter().all(|(key, value)| object::annotation(self.instance, key) == Some(value));
        if as_should_be {
            return Ok(());
        }
        let mut finalizers: BTreeSet<&str> = object::finalizers(self.instance).collect();
        finalizers.insert(kro::FINALIZER);
        let map = |pairs: &[(&str, String)]| -> Value {
            Value::Object(pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect())
        };
        let patch = json!({"finalizers": finalizers, "labels": map(&labels), "annotations": map(&annotations)});
        self.patch_metadata(patch).await
    }

    async fn patch_metadata(&self, mut metadata: Value) -> Result<(), Error> {
        metadata["resourceVersion"] = json!(object::resource_version(self.instance));
        let api = self.applier().api_of(self.instance).await?;
        let name = object::name(self.instance);
        let patched = api.merge_patch("kro.run/labeller", name, None, &json!({"metadata": metadata})).await?;
        self.children.recent().put(&self.graph.instance.gvk, &patched);
        Ok(())
    }

    /// Deletes the children, the last wave first, and the finalizer when none is left. Returns how many remain.
    ///
    /// # Errors
    /// When a deletion fails.
    pub async fn finalize(&self) -> Result<usize, Error> {
        let kinds = fetch::child_kinds(self.graph, self.instance);
        let mut remaining = self.children.of(object::uid(self.instance), &kinds).await?;
        if remaining.is_empty() {
            // A cache may be behind; the server is not.
            remaining = self.list(&kinds).await?;
        }
        let Some(last) = remaining.iter().map(order_of).max() else {
            self.release().await?;
            return Ok(0);
        };
        for child in remaining.iter().filter(|child| order_of(child) == last && !object::is_deleting(child)) {
            self.applier().delete(child).await?;
        }
        Ok(remaining.len())
    }

    async fn list(&self, kinds: &BTreeSet<GroupVersionKind>) -> Result<Vec<Value>, Error> {
        let selector = format!("{}={}", kro::INSTANCE_ID, object::uid(self.instance));
        let mut found = Vec::new();
        for gvk in kinds {
            let mapping =
                self.context.mapper.resolve(gvk).await.map_err(|error| Error::Discover(gvk.clone(), error))?;
            if let Some(mapping) = mapping {
                found.extend(self.context.api(&mapping.resource, None).list(&selector).await?);
            }
        }
        Ok(found)
    }

    async fn release(&self) -> Result<(), Error> {
        let rest: Vec<_> = object::finalizers(self.instance).filter(|name| *name != kro::FINALIZER).collect();
        match self.patch_metadata(json!({"finalizers": rest})).await {
            Err(Error::Write(error)) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
}

impl Applied {
    fn take(&mut self, id: &str, name: String, result: Result<applier::Applied, Failure>, observed: &mut Observed) {
        match result {
            Ok(applied) => {
                if applied.change != Change::Unchanged {
                    self.changed.push(name);
                }
                observed.put(id, applied.object);
            }
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// The wave a child was applied in; one that does not say goes last when waves are taken down.
fn order_of(child: &Value) -> i64 {
    object::annotation(child, kro::APPLY_ORDER).and_then(|order| order.parse().ok()).unwrap_or(-1)
}
