//! `mainstay new application`: the files of a golden path, committed and pushed.
//! It must not write to a cluster: the commit does.

mod request;

use mainstay_apimachinery::object;
use mainstay_git::{Author, Change, NewCommit, Options, Repositories};
use serde_json::json;

use crate::arguments::{Common, New, NewApplication, NewKind};
use crate::connection::{CONTROL, Connection};
use crate::error::Error;
use crate::output::say;
use crate::template::Template;
use crate::{output, paint};

pub(crate) async fn run(common: &Common, new: New) -> Result<(), Error> {
    let NewKind::Application(application) = new.kind;
    request::check(&application)?;
    let connection = Connection::open(common).await?;
    check_environments(&application, &connection).await?;
    let url = format!("{}/apps.git", connection.server_info("gitURL").await?);
    let repository = format!("{}/apps.git", connection.server_info("inClusterGitURL").await?);
    let files = files(&application, &repository);
    if application.dry_run {
        return print_files(common, &files);
    }
    let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
    let message = format!("Add {}\n", application.name);
    let commit = push(&url, &application.name, NewFiles { files, message }).await?;
    let answer = json!({"repository": url, "commit": commit, "files": paths});
    output::print(common.output, &answer, || print_next(&application, &url, &commit, &paths))
}

/// Every environment is a member cluster, and no other application has the names.
async fn check_environments(application: &NewApplication, connection: &Connection) -> Result<(), Error> {
    let known: Vec<_> = connection.clients().keys().map(String::as_str).filter(|name| *name != CONTROL).collect();
    let environments = &application.environments;
    if let Some(unknown) = environments.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Error::Refused(format!("there is no environment {unknown}; there are {}", known.join(", "))));
    }
    let names: Vec<_> = environments.iter().map(|environment| format!("{}-{environment}", application.name)).collect();
    let there = connection.all_applications().await?;
    match there.iter().map(object::name).find(|name| names.iter().any(|taken| taken == name)) {
        Some(name) => Err(Error::Refused(format!(
            "there is already an application {name}; choose another name, or edit {} in its repository",
            application.name
        ))),
        None => Ok(()),
    }
}

fn files(application: &NewApplication, repository: &str) -> Vec<Change> {
    let template = Template {
        name: &application.name,
        image: &application.image,
        port: application.port,
        hostname: application.hostname.as_deref(),
        owner: &application.owner,
        repository,
        environments: &application.environments,
    };
    template.files()
}

fn print_files(common: &Common, files: &[Change]) -> Result<(), Error> {
    let text = |file: &Change| String::from_utf8_lossy(file.content.as_deref().unwrap_or_default()).into_owned();
    let answer: serde_json::Map<_, _> = files.iter().map(|file| (file.path.clone(), text(file).into())).collect();
    output::print(common.output, &answer.into(), || {
        for file in files {
            say!("{}\n{}", paint::strong(&format!("# {}", file.path)), text(file));
        }
    })
}

struct NewFiles {
    files: Vec<Change>,
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
    say!("Pushed {} to {url}:", paint::strong(commit.get(..7).unwrap_or(commit)));
    for path in paths {
        say!("  {path}");
    }
    say!("\nNext: {}", paint::good(&format!("mainstay timeline {}-{first}", application.name)));
}
