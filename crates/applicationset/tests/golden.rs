//! Golden cases: `testdata/<case>/in.yaml` holds the spec of a set and a world, `out.yaml` the Applications or the
//! error. `UPDATE_GOLDEN=1` writes what came out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use mainstay_apimachinery::yaml;
use mainstay_applicationset::plan::sources::{Request, ResourceQuery, Response, SourceFile};
use mainstay_applicationset::plan::{Cluster, Engine, FastTemplate, SourceError, Sources, template};
use mainstay_applicationset::validate;
use serde_json::{Value, json};

/// What there is besides the set.
struct World(Value);

fn none(what: &str) -> SourceError {
    SourceError { what: what.to_owned(), why: "the case has none".to_owned(), transient: false }
}

impl World {
    fn strings(&self, pointer: &str) -> BTreeMap<String, String> {
        let map = self.0.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
        map.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    }
}

impl Sources for World {
    fn set_name(&self) -> &str {
        "set"
    }

    fn clusters(&self) -> Vec<Cluster> {
        let text = |cluster: &Value, key: &str| cluster[key].as_str().unwrap_or_default().to_owned();
        let clusters = self.0["clusters"].as_array().into_iter().flatten().enumerate();
        let cluster = |(index, cluster): (usize, &Value)| Cluster {
            name: text(cluster, "name"),
            server: text(cluster, "server"),
            project: text(cluster, "project"),
            labels: self.strings(&format!("/clusters/{index}/labels")),
            annotations: self.strings(&format!("/clusters/{index}/annotations")),
            registered: cluster["registered"] != json!(false),
        };
        clusters.map(cluster).collect()
    }

    fn directories<'a>(&'a self, url: &'a str, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, SourceError>> {
        let directories = self.0["directories"].as_array().ok_or_else(|| none(url));
        let texts = |list: &Vec<Value>| list.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        ready(directories.map(texts)).boxed()
    }

    fn files<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        wanted: Box<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'a, Result<Vec<SourceFile>, SourceError>> {
        let files = self.strings("/files").into_iter().filter(|(path, _)| wanted(path));
        ready(Ok(files.map(|(path, text)| SourceFile { path, text }).collect())).boxed()
    }

    fn config_map<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, SourceError>> {
        ready(Ok(self.strings(&format!("/configMaps/{name}")))).boxed()
    }

    fn secret<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<String, SourceError>> {
        ready(self.strings(&format!("/secrets/{name}")).remove(key).ok_or_else(|| none(name))).boxed()
    }

    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Value>, SourceError>> {
        ready(self.0["resources"].as_array().cloned().ok_or_else(|| none(&query.plural))).boxed()
    }

    fn http(&self, request: Request) -> BoxFuture<'_, Result<Response, SourceError>> {
        let asked = json!({"url": request.url, "headers": request.headers, "body": request.body});
        let exchanges = self.0["http"].as_array().into_iter().flatten();
        let expects = |expected: &Value| {
            let expected = expected.as_object().unwrap();
            expected.iter().all(|(field, value)| asked[field] == *value)
        };
        let found = exchanges.filter(|exchange| expects(&exchange["request"])).map(|exchange| Response {
            status: exchange["status"].as_u64().map_or(200, |status| u16::try_from(status).unwrap()),
            headers: exchange["link"].as_str().map(|link| ("link".to_owned(), link.to_owned())).into_iter().collect(),
            body: exchange["response"].clone(),
        });
        let missing = || SourceError { what: asked.to_string(), why: "not expected".into(), transient: false };
        ready(found.into_iter().next().ok_or_else(missing)).boxed()
    }
}

async fn outcome(case: &Value) -> Value {
    let set = json!({"metadata": {"name": "set", "namespace": "argocd"}, "spec": case["spec"]});
    let world = World(case.clone());
    let generated = async {
        let spec = validate::set(&set)?;
        let mut applications = Engine { sources: &world, dialect: &FastTemplate }.applications(&spec).await?;
        applications.iter_mut().for_each(|application| template::finish(application, &spec, "argocd"));
        template::check_names(&applications)?;
        Ok::<_, mainstay_applicationset::plan::Error>(applications)
    };
    match generated.await {
        Ok(applications) => json!({"applications": applications}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

#[tokio::test]
async fn every_case_comes_to_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut cases: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10);
    for case in cases {
        let input = yaml::parse_one(&std::fs::read_to_string(case.join("in.yaml")).unwrap()).unwrap().value;
        let found = outcome(&input).await;
        let out = case.join("out.yaml");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            write(&out, &yaml::to_string(&found));
            continue;
        }
        let expected = yaml::parse_one(&std::fs::read_to_string(&out).unwrap()).unwrap().value;
        assert_eq!(found, expected, "{}", case.display());
    }
}

#[allow(clippy::disallowed_methods, reason = "a golden file is written by its test")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
