//! `mainstay tree`, `why` and `timeline`: what an application consists of, why it is not ready, what happened to it.
//! It must not judge or collect: the portal's model does, the same for both.

use std::collections::BTreeSet;

use mainstay_portal::model::{self, Cause, Explanation, Node, Thread, Timeline, Tree, World};
use mainstay_portal::{PortalContext, gather};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{AppName, Common};
use crate::commands::explain;
use crate::connection::{ARGOCD, CONTROL, Connection};
use crate::error::Error;
use crate::output::say;
use crate::{output, paint};

pub(crate) async fn tree(common: &Common, app: AppName) -> Result<(), Error> {
    let (_, tree) = look(common, &app.app).await?;
    output::print(common.output, &json(&tree), || print_tree(&tree, 0, ""))
}

pub(crate) async fn why(common: &Common, app: AppName) -> Result<(), Error> {
    let (world, tree) = look(common, &app.app).await?;
    let explanation = model::why(&world, &tree);
    output::print(common.output, &json(&explanation), || print_explanation(&app.app, &explanation))
}

pub(crate) async fn timeline(common: &Common, app: AppName) -> Result<(), Error> {
    let (world, tree) = look(common, &app.app).await?;
    let timeline = model::timeline(&world, &tree);
    output::print(common.output, &json(&timeline), || print_timeline(&app.app, &timeline))
}

async fn look(common: &Common, name: &str) -> Result<(World, Tree), Error> {
    let connection = Connection::open(common).await?;
    connection.application(name).await?;
    let context = PortalContext::new(CONTROL, connection.control()?.clone(), connection.clients().clone());
    let world = gather::application(&context, ARGOCD, name).await.map_err(Error::Gather)?;
    let tree = model::tree(&world);
    Ok((world, tree))
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn print_tree(tree: &Tree, at: usize, indent: &str) {
    if let (0, Some(root)) = (at, tree.nodes.first()) {
        say!("{}", line(root));
    }
    let children: Vec<_> = tree.children(at).collect();
    for (position, child) in children.iter().enumerate() {
        let last = position + 1 == children.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        if let Some(node) = tree.nodes.get(*child) {
            say!("{}{}", paint::faint(&format!("{indent}{branch}")), line(node));
            print_tree(tree, *child, &format!("{indent}{below}"));
        }
    }
}

fn line(node: &Node) -> String {
    let health = node.health().map(|health| paint::status(health.as_str())).unwrap_or_default();
    let sync = node.sync.as_deref().map(paint::status).unwrap_or_default();
    let simulated = if node.simulated { paint::faint("simulated") } else { String::new() };
    let name = format!("{} {}", node.object.kind, paint::strong(&node.object.name));
    let parts = [name, sync, health, node.detail.clone(), simulated];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

fn print_explanation(name: &str, explanation: &Explanation) {
    let sync = paint::status(&explanation.sync);
    say!("{} {sync} {}", paint::strong(name), paint::status(explanation.health.as_str()));
    say!("{}", explanation.headline);
    for cause in &explanation.causes {
        print_cause(cause);
    }
    let known: BTreeSet<_> =
        explanation.causes.iter().map(|cause| cause.reason.as_str()).filter(|code| explain::is_known(code)).collect();
    if !known.is_empty() {
        say!();
    }
    for code in known {
        say!("{} {}", paint::faint("more:"), paint::good(&format!("mainstay explain {code}")));
    }
}

fn print_cause(cause: &Cause) {
    let path: Vec<_> = cause.path.iter().map(model::ObjectRef::short).collect();
    say!("\n{}", paint::faint(&path.join(" → ")));
    say!("  {} {}", paint::bad(&cause.reason), cause.message);
    if !cause.advice.is_empty() {
        say!("  {} {}", paint::faint("try:"), cause.advice);
    }
}

fn print_timeline(name: &str, timeline: &Timeline) {
    if timeline.threads.is_empty() {
        say!("Nothing has happened to {name} yet. `mainstay why {name}` may tell why.");
    }
    for (position, thread) in timeline.threads.iter().enumerate() {
        if position > 0 {
            say!();
        }
        print_thread(thread);
    }
}

fn print_thread(thread: &Thread) {
    let commit = thread.thread.as_deref().unwrap_or("without a commit");
    let took = format!("{:.3} s", thread.duration().as_secs_f64());
    say!("{} {} {took}", paint::strong(commit), paint::faint(&thread.started.to_string()));
    for entry in &thread.entries {
        let offset = format!("+{:>9.3} s", thread.offset(entry).as_secs_f64());
        let offset = if entry.precise { offset } else { format!("~{}", &offset[1..]) };
        let reason = if entry.warning { paint::bad(&entry.reason) } else { paint::good(&entry.reason) };
        let object = paint::faint(&entry.object.short());
        say!("  {} {reason} {object} {}", paint::faint(&offset), entry.message);
    }
}
