//! What is wrong with files, and files that mean harm.

use mainstay_jsonnet::Options;

use crate::{run, variable};

fn said(text: &str, others: &[(&str, &str)]) -> String {
    run(text, others, &Options::default()).unwrap_err().message
}

#[test]
fn faults_are_told_with_their_place() {
    for (text, expected) in [
        ("{\n  a: error 'boom',\n}", "app/main.jsonnet:2:6: boom"),
        ("{ a: }", "app/main.jsonnet:1:6: syntax error: unexpected right brace"),
        ("'open", "app/main.jsonnet:1:1: syntax error: unfinished string"),
        ("\n nope", "app/main.jsonnet:2:2: unknown variable: nope"),
        ("{a: 1}.b", "app/main.jsonnet:1:1: field does not exist: b"),
        ("{assert self.a == 2 : 'no', a: 1}", "app/main.jsonnet:1:2: assertion failed: no"),
        ("1 + {}.x(2)", "app/main.jsonnet:1:5: field does not exist: x"),
        ("1 - 'a'", "app/main.jsonnet:1:1: operator sub does not take a number and a string"),
        ("std.extVar('env')", "external variable env is not given"),
        ("std.length(5)", "std.length: argument 1 is a number"),
        ("(function(x) x)()", "no argument for parameter x"),
        ("function(x) x", "no argument for parameter x"),
        ("{f: function(x) x}", "a function is no JSON"),
        ("local f(x) = f(x + 1); f(0)", "calls nest too deep"),
    ] {
        let error = said(text, &[]);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_fault_in_an_import_is_told_where_it_is() {
    let error = said("import 'b.libsonnet'", &[("app/b.libsonnet", "{\n a: error 'inner' }")]);
    assert_eq!(error, "app/b.libsonnet:2:5: inner");
    let error = said("import 'b.libsonnet'", &[("app/b.libsonnet", "{ a: ")]);
    assert!(
        error.starts_with("app/main.jsonnet:1:1: failed to import \"b.libsonnet\": app/b.libsonnet:1:6: syntax error"),
        "{error}"
    );
    let twice = Options { ext_vars: vec![variable("a", "1", false), variable("a", "2", false)], ..Options::default() };
    assert_eq!(run("1", &[], &twice).unwrap_err().message, "external variable a is given twice");
}

#[test]
fn nothing_but_the_repository_is_read() {
    for (path, expected) in [
        ("/etc/passwd", "it is an absolute path"),
        ("../../etc/passwd", "it leads out of the repository"),
        ("a/../../../../x", "it leads out of the repository"),
        ("none.libsonnet", "there is no such file in the repository"),
    ] {
        for how in ["import", "importstr", "importbin"] {
            let error = said(&format!("{how} '{path}'"), &[]);
            assert!(error.contains(expected), "{how} {path}: {error}");
        }
    }
}

#[test]
fn what_nests_without_end_is_refused_before_it_is_parsed() {
    for (part, end) in [
        ("(", ")"),
        ("[", "]"),
        ("{a:", "}"),
        ("- ", ""),
        ("local x=1;", ""),
        ("local x=1,y=2;", ""),
        ("if true then ", ""),
        ("if false then 1 else ", ""),
        ("function(x) ", ""),
        ("assert true;", ""),
        ("error ", ""),
    ] {
        let text = format!("{}1{}", part.repeat(100_000), end.repeat(100_000));
        assert!(said(&text, &[]).contains("nests more than 1000 deep"), "{part}");
    }
    for part in [".a", "()", "[0]", " {}"] {
        assert!(said(&format!("{{}}{}", part.repeat(100_000)), &[]).contains("nests more than 1000 deep"), "{part}");
    }
    assert!(said(&"-".repeat(1_000_000), &[]).contains("more than 1000 operators in a row"));
    // The very limit is survived.
    for (part, end) in
        [("{a:", "}"), ("local x=1;", ""), ("if true then ", ""), ("function(x) ", ""), ("[if true then ", "]")]
    {
        let each = if part.starts_with('[') {
            240
        } else if end.is_empty() {
            480
        } else {
            490
        };
        let text = format!("{}1{}", part.repeat(each), end.repeat(each));
        let _ = run(&text, &[], &Options::default());
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let error = said(&" ".repeat(9 * 1024 * 1024), &[]);
    assert_eq!(error, "app/main.jsonnet: it is larger than 8 MiB");
    let error = said("std.repeat('x', 11 * 1024 * 1024)", &[]);
    assert_eq!(error, "app/main.jsonnet: it comes to more than 10 MiB");
}
