//! `mainstay explain`: every code has a page in the binary.

use serde_json::Value;

use crate::platform::{complaint, mainstay, output, printed};

#[tokio::test]
async fn a_code_has_a_page() {
    let text = printed(&output(&mut mainstay(&["explain", "ImagePullBackOff"])).await);
    for part in ["ImagePullBackOff", "Where to look", "What to do"] {
        assert!(text.contains(part), "{text}");
    }
    let other = printed(&output(&mut mainstay(&["explain", "errimagepull"])).await);
    assert_eq!(other, text, "a second name, in any case");
    let answer = printed(&output(&mut mainstay(&["explain", "CrashLoopBackOff", "-o", "json"])).await);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["code"], "CrashLoopBackOff");
}

#[tokio::test]
async fn an_unknown_code_finds_the_near_ones() {
    let said = complaint(&output(&mut mainstay(&["explain", "ImagePulBackof"])).await);
    assert!(said.contains("ImagePullBackOff"), "{said}");
    let all = printed(&output(&mut mainstay(&["explain"])).await);
    assert!(all.contains("ComparisonError") && all.contains("CrashLoopBackOff"), "{all}");
}
