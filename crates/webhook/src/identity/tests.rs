//! Which URLs are the same repository.

use super::*;

/// Whether an Application with this `repoURL` is looked at when a git host names that page.
fn is_same(page: &str, repo_url: &str) -> bool {
    let page = identity(page).unwrap();
    readings(repo_url).any(|reading| reading == page)
}

#[test]
fn a_repository_is_written_in_many_ways() {
    let page = "https://github.com/Org/App";
    let same = [
        "https://github.com/Org/App",
        "https://github.com/org/app.git",
        "https://github.com/org/app/",
        "HTTP://GitHub.com/ORG/APP.GIT",
        "https://user@github.com/org/app",
        "https://user:p%40ss@w0rd@github.com:8443/org/app",
        "https://github.com:443/org/app",
        "https://github.com./org/app",
        "https://github.com/org/app?ref=main",
        "https://github.com/org/app#readme",
        "ssh://github.com/org/app",
        "ssh://git@github.com/org/app.git",
        "ssh://git@github.com:22/org/app.git",
        "ssh://git@github.com:org/app.git",
        "ssh://git@ssh.github.com:443/org/app.git",
        "ssh://git@altssh.github.com:443/org/app.git",
        "git@github.com:org/app.git",
        "git@github.com:org/app",
        "git@github.com:/org/app",
        "git@github.com/org/app",
        "user.name-1@github.com:org/app",
        "github.com:org/app",
        "github.com/org/app.git",
        "github.com:22/org/app",
        "github.com:22:org/app",
        " https://github.com/org/app\n",
        "https://github.com/%6Frg/app",
    ];
    for repo_url in same {
        assert!(is_same(page, repo_url), "{repo_url}");
    }
}

#[test]
fn others_are_others() {
    let page = "https://github.com/org/app";
    let others = [
        "https://github.com/org/apps",
        "https://github.com/org/app.git.git",
        "https://github.com/org",
        "https://github.com/org/app/tree",
        "https://github.com.evil.com/org/app",
        "https://evil-github.com/org/app",
        "https://githubxcom/org/app",
        "https://evil.com/github.com/org/app",
        "https://evil.com/@github.com/org/app",
        "https://github.com@evil.com/org/app",
        "https://evil.com#@github.com/org/app",
        "https://evil.com?@github.com/org/app",
        "evil.com:x@github.com/org/app",
        "https://x.ssh.github.com/org/app",
    ];
    for repo_url in others {
        assert!(!is_same(page, repo_url), "{repo_url}");
    }
}

#[test]
fn what_looks_like_a_port_may_be_a_directory() {
    assert!(is_same("https://git.example.com/42/app", "git@git.example.com:42/app.git"));
    assert!(is_same("https://git.example.com/app", "git@git.example.com:42/app.git"));
    assert!(is_same("https://git.example.com:8443/app", "ssh://git@git.example.com:42/app.git"));
    assert!(
        is_same("https://git.example.com/42/app", "ssh://git@git.example.com:42/app.git"),
        "upstream's pattern does"
    );
    assert_eq!(identity("ssh://git@git.example.com:42/app.git").unwrap().path(), "app");
    assert_eq!(identity("git@git.example.com:42/app.git").unwrap().path(), "42/app");
    assert!(is_same("http://[2001:db8::1]:3000/org/app", "ssh://git@[2001:DB8::1]:22/org/app"));
    assert!(is_same("http://[2001:db8::1]:3000/org/app", "git@[2001:db8::1]:org/app"));
}

#[test]
fn azure_devops_has_one_repository_in_many_places() {
    let same = [
        "https://dev.azure.com/Fabrikam/My%20Project/_git/App",
        "https://fabrikam@dev.azure.com/Fabrikam/My Project/_git/App",
        "https://dev.azure.com/fabrikam/DefaultCollection/my%20project/_git/_full/app",
        "https://fabrikam.visualstudio.com/My%20Project/_git/App",
        "https://fabrikam.visualstudio.com/DefaultCollection/My%20Project/_git/App",
        "https://fabrikam.visualstudio.com/My%20Project/DefaultCollection/_git/App",
        "git@ssh.dev.azure.com:v3/fabrikam/My%20Project/App",
        "ssh://git@ssh.dev.azure.com/v3/fabrikam/My%20Project/App",
        "ssh://git@ssh.dev.azure.com:22/v3/fabrikam/My%20Project/App",
        "fabrikam@vs-ssh.visualstudio.com:v3/fabrikam/My%20Project/App",
    ];
    for page in same {
        for repo_url in same {
            assert!(is_same(page, repo_url), "{page} {repo_url}");
        }
    }
    assert_eq!(identity(same[0]).unwrap().host(), "dev.azure.com");
    assert_eq!(identity(same[0]).unwrap().path(), "fabrikam/my project/app");
    assert!(is_same("https://dev.azure.com/o/App/_git/App", "https://o.visualstudio.com/_git/App"));
    assert!(!is_same(same[0], "https://dev.azure.com/fabrikam/other/_git/App"));
    assert!(!is_same(same[0], "https://contoso.visualstudio.com/My%20Project/_git/App"));
    assert!(is_same("https://tfs.example.com/tfs/C/P/_git/R", "ssh://tfs.example.com:22/tfs/C/P/_git/R"));
}

#[test]
fn what_is_no_repository_has_no_identity() {
    let none = [
        "",
        " ",
        "https://",
        "https://github.com",
        "https://github.com/",
        "https:///org/app",
        "https://user@/org/app",
        "ssh://git@github.com:22",
        "ssh://git@github.com:22/",
        "/srv/git/app",
        "file:///srv/git/app",
        "oci://registry.example.com/org/app",
        "://github.com/org/app",
        "@",
        "git@:org/app",
        "https://[::1/org/app",
        "https://github.com/.git",
    ];
    for url in none {
        assert_eq!(identity(url), None, "{url:?}");
    }
    assert!(identity("https://github.com/%ff%fe").is_some(), "bytes that are no text stay encoded");
}
