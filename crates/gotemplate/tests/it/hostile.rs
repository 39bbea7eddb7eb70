//! Templates of an attacker end with an error.

use mainstay_gotemplate::{Entropy, Environment, Limits, on_deep_stack};
use serde_json::json;

use crate::{render, render_in};

/// What an attacker may write; each ends with an error that says why.
#[test]
fn what_does_not_end_or_grows_without_end_is_stopped() {
    let limits = Limits { steps: 200_000, output: 1 << 20, depth: 300 };
    for (template, reason) in [
        ("{{ range until 999999999 }}x{{ end }}", "more than"),
        ("{{ range until 1000 }}{{ range until 1000 }}x{{ end }}{{ end }}", "steps"),
        ("{{ repeat 999999999 \"x\" }}", "allowed"),
        ("{{ $x := \"x\" }}{{ range until 64 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}", "steps"),
        ("{{ $x := \"x\" }}{{ range until 64 }}{{ $x = replace \"x\" (repeat 4000 \"x\") $x }}{{ end }}", "steps"),
        ("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}", "levels deep"),
        ("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ toJson $d }}", "levels deep"),
        ("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $_ := deepCopy $d }}", "levels deep"),
        (
            "{{ printf \"%999999d\" 1 | indent 9999 }}{{ range until 9 }}{{ printf \"%999999d\" 1 }}{{ end }}",
            "more than",
        ),
        ("{{ regexMatch \"(a{999}){999}\" \"a\" }}{{ mustRegexMatch \"(a{999}){999}\" \"a\" }}", "regexp"),
        ("{{ randBytes 99999999 }}", "allowed"),
        ("{{ range until 100 }}{{ bcrypt \"x\" }}{{ end }}", "steps"),
        ("{{ regexReplaceAll \"\" (repeat 100000 \"x\") (repeat 100000 \"y\") }}", "too long"),
    ] {
        let environment = Environment { limits, ..Environment::default() };
        let given = on_deep_stack(|| render_in(template, &json!({}), &environment)).unwrap();
        let error = given.expect_err(template).to_string();
        assert!(error.contains(reason), "{template}: {error}");
    }
}

#[test]
fn deep_nesting_is_no_way_to_break_it() {
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    let blocks = format!("{}{}", "{{ if true }}".repeat(5000), "{{ end }}".repeat(5000));
    let elses = format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(5000));
    for template in [parens, blocks, elses] {
        let error = on_deep_stack(|| render(&template, &json!({}))).unwrap().unwrap_err();
        assert!(error.to_string().contains("levels deep"), "{error}");
    }
    // A list of lists of lists is freed without a stack as deep as it is.
    let nested = "{{ $x := list }}{{ range until 100000 }}{{ $x = list $x }}{{ end }}{{ len $x }}";
    assert_eq!(render(nested, &json!({})).unwrap(), "1");
}

#[test]
fn a_map_that_holds_itself_can_be_printed() {
    let text = render("{{ $d := dict \"a\" 1 }}{{ $_ := set $d \"d\" $d }}{{ $d }}", &json!({})).unwrap();
    assert!(text.starts_with("map[a:1 d:map[a:1 d:") && text.contains("..."), "{text}");
}

#[test]
fn random_values_follow_from_the_seed_and_the_name() {
    let seeded = |seed: u8, name: &str| {
        let environment = Environment { entropy: Entropy::new([seed; 32]).of(name), ..Environment::default() };
        render_in("{{ randAlphaNum 20 }} {{ uuidv4 }} {{ randInt 0 100000 }}", &json!({}), &environment).unwrap()
    };
    assert_eq!(seeded(1, "shop"), seeded(1, "shop"));
    assert_ne!(seeded(1, "shop"), seeded(2, "shop"));
    assert_ne!(seeded(1, "shop"), seeded(1, "cart"));
}
