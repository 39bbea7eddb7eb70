//! `mainstay new application`: the files of a golden path, committed and pushed.

use mainstay_apimachinery::names;
use mainstay_git::{Author, NewCommit, Options, Repositories};
use serde_json::json;

use crate::arguments::{Common, New, NewApplication, NewKind};
use crate::connection::Connection;
use crate::error::Error;
use crate::template::Template;
use crate::{output, paint};

pub(crate) async fn run(common: &Common, new: New) -> Result<(), Error> {
    let NewKind::Application(application) = new.kind;
    let connection = Connection::open(common).await?;
    check(&application, &connection)?;
    let url = format!("{}/apps.git", connection.server_info("gitURL").await?);
    let repository = format!("{}/apps.git", connection.server_info("inClusterGitURL").await?);
    let template = Template {
        name: &application.name,
        image: &application.image,
        port: application.port,
        hostname: application.hostname.as_deref(),
        owner: &application.owner,
        repository: &repository,
        environments: &application.environments,
    };
    let files = template.files();
    let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
    let commit =
        push(&url, &application.name, NewFiles { files, message: format!("Add {}\n", application.name) }).await?;
    let answer = json!({"repository": url, "commit": commit, "files": paths});
    output::print(common.output, &answer, || print_next(&application, &url, &commit, &paths))
}

fn check(application: &NewApplication, connection: &Connection) -> Result<(), Error> {
    if let Some(problem) = names::check_dns1123_label(&application.name).into_iter().next() {
        return Err(Error::Refused(format!("{:?} cannot be an application's name: {problem}", application.name)));
    }
    let clusters = connection.clients();
    match application.environments.iter().find(|environment| !clusters.contains_key(*environment)) {
        Some(unknown) => {
            let known: Vec<_> = clusters.keys().map(String::as_str).collect();
            Err(Error::Refused(format!("there is no environment {unknown}; there are {}", known.join(", "))))
        }
        None => Ok(()),
    }
}

struct NewFiles {
    files: Vec<mainstay_git::Change>,
    message: String,
}

async fn push(url: &str, name: &str, new: NewFiles) -> Result<String, Error> {
    let cache = tempfile::TempDir::with_prefix("mainstay-new-")
        .map_err(|error| Error::Io("make a temporary directory".to_owned(), error))?;
    let repositories = Repositories::new(Options::new(cache.path()));
    let head = repositories.resolve(url, mainstay_git::DEFAULT_BRANCH).await.map_err(Error::Git)?;
    let there = repositories.tree_oid(url, &head.sha, name).await.map_err(Error::Git)?;
    if there.is_some() {
        return Err(Error::Refused(format!("{name} is in {url} already; clone it and edit {name}/ there")));
    }
    let commit = NewCommit {
        branch: mainstay_git::DEFAULT_BRANCH.to_owned(),
        changes: new.files,
        author: author(),
        message: new.message,
        time: mainstay_controller_runtime::Clock::system().now(),
    };
    repositories.commit_files(url, commit).await.map_err(Error::Git)
}

/// Who git would say commits here; the login name where it says nothing.
fn author() -> Author {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = variable("GIT_AUTHOR_NAME").or_else(|| variable("USER")).unwrap_or_else(|| "mainstay".to_owned());
    let email = variable("GIT_AUTHOR_EMAIL").unwrap_or_else(|| format!("{name}@localhost"));
    Author::new(name, email)
}

fn print_next(application: &NewApplication, url: &str, commit: &str, paths: &[String]) {
    let first = application.environments.first().map_or("dev", String::as_str);
    anstream::println!("Pushed {} to {url}:", paint::strong(commit.get(..7).unwrap_or(commit)));
    for path in paths {
        anstream::println!("  {path}");
    }
    anstream::println!("\nNext: {}", paint::good(&format!("mainstay timeline {}-{first}", application.name)));
}
