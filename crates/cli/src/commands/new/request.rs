//! Refuses what no application can be made from, before anything is asked or pushed. Pure.

use mainstay_apimachinery::names;

use crate::arguments::NewApplication;
use crate::error::Error;

/// Namespaces that are not an application's: the application's name is the namespace it runs in.
const RESERVED: [&str; 3] = ["default", "argocd", "mainstay-system"];
/// What namespaces of Kubernetes itself begin with.
const KUBERNETES: &str = "kube-";
/// Longest name: the longest environment and a dash still fit a label's 63 characters.
const NAME: usize = 50;

/// Checks everything that can be told without a server.
pub(super) fn check(application: &NewApplication) -> Result<(), Error> {
    let name = &application.name;
    let refuse = |what: &str, value: &str, why: &str| Err(Error::Refused(format!("{value:?} cannot be {what}: {why}")));
    // A Service takes the name, so it must begin with a letter.
    if let Some(why) = names::check_dns1035_label(name).first() {
        return refuse("an application's name", name, why);
    }
    if name.len() > NAME {
        return refuse("an application's name", name, &format!("must be no more than {NAME} characters"));
    }
    if RESERVED.contains(&name.as_str()) || name.starts_with(KUBERNETES) {
        return refuse(
            "an application's name",
            name,
            "it would run in the namespace of that name, which is the system's",
        );
    }
    if let Some(why) = image_problem(&application.image) {
        return refuse("a container image", &application.image, why);
    }
    if let Some((host, why)) = application.hostname.as_deref().and_then(|host| Some((host, host_problem(host)?))) {
        return refuse("a host name", host, &why);
    }
    if !is_word(&application.owner, ":/._-") {
        return refuse(
            "an owner",
            &application.owner,
            "give a name of the catalog, such as team-shop or group:default/shop",
        );
    }
    if application.port == 0 {
        return refuse("a container's port", "0", "give one from 1 to 65535");
    }
    Ok(())
}

fn image_problem(image: &str) -> Option<&'static str> {
    const EXAMPLE: &str = "give an image as REGISTRY/PATH:TAG or @DIGEST, such as ghcr.io/acme/shop:1.0.0";
    let begins_well = image.starts_with(|first: char| first.is_ascii_alphanumeric());
    (!begins_well || !is_word(image, ":/._-@+")).then_some(EXAMPLE)
}

fn host_problem(host: &str) -> Option<String> {
    names::check_dns1123_subdomain(host).into_iter().next()
}

/// Letters, digits and some more, at least one.
fn is_word(text: &str, more: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application() -> NewApplication {
        NewApplication {
            name: "shop".to_owned(),
            image: "localhost:5000/a/shop:1.0@sha256:00".to_owned(),
            port: 8080,
            environments: vec!["dev".to_owned()],
            hostname: Some("shop.example.com".to_owned()),
            owner: "group:default/team_a".to_owned(),
            dry_run: false,
        }
    }

    #[test]
    fn a_good_one_passes() {
        assert!(check(&application()).is_ok());
    }

    #[test]
    fn what_cannot_be_is_named() {
        let refused = |change: fn(&mut NewApplication)| {
            let mut application = application();
            change(&mut application);
            check(&application).unwrap_err().to_string()
        };
        for name in ["", "Shop", "1shop", "shop-", "default", "kube-dns"] {
            let application = NewApplication { name: name.to_owned(), ..application() };
            assert!(check(&application).unwrap_err().to_string().contains("application's name"), "{name}");
        }
        assert!(refused(|app| app.name = "a".repeat(51)).contains("50 characters"));
        assert!(refused(|app| app.image = "a: b".to_owned()).contains("container image"));
        assert!(refused(|app| app.image = ":latest".to_owned()).contains("container image"));
        assert!(refused(|app| app.hostname = Some("a b".to_owned())).contains("host name"));
        assert!(refused(|app| app.owner = "a\nb".to_owned()).contains("owner"));
        assert!(refused(|app| app.port = 0).contains("65535"));
    }
}
