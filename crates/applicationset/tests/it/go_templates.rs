//! Sets whose templates are Go templates.

use serde_json::{Value, json};

use crate::lab::Lab;

#[tokio::test(start_paused = true)]
async fn go_templates_and_patches_make_applications() {
    let lab = Lab::start().await;
    let spec = json!({
        "goTemplate": true, "goTemplateOptions": ["missingkey=error"],
        "generators": [{"matrix": {"generators": [
            {"list": {"elements": [{"team": {"name": "Shop_A"}, "prune": "true"}, {"team": {"name": "cart"}}]}},
            {"list": {"elements": [{"env": "dev"}, {"env": "prod"}]}},
        ]}}],
        "template": {
            "metadata": {"name": "{{ normalize .team.name }}-{{ .env }}", "labels": {"env": "{{ .env }}"}},
            "spec": {
                "project": "default",
                "source": {"repoURL": lab.url, "path": "{{ list .team.name .env | join \"/\" | lower }}"},
                "destination": {"name": "in-cluster", "namespace": "{{ .env | upper | lower }}"},
            },
        },
        "templatePatch": "{{ if hasKey . \"prune\" }}\nspec:\n  syncPolicy:\n    automated:\n      prune: {{ .prune }}\n{{ end }}",
    });
    lab.set("teams", spec).await;
    let wanted = ["cart-dev", "cart-prod", "shop-a-dev", "shop-a-prod"];
    lab.until("teams", |set| set["status"]["resources"].as_array().is_some_and(|all| all.len() == wanted.len())).await;
    assert_eq!(lab.names().await, wanted);
    let shop = lab.application("shop-a-prod").await;
    assert_eq!(shop["spec"]["source"]["path"], "shop_a/prod");
    assert_eq!(shop["metadata"]["labels"]["env"], "prod");
    assert_eq!(shop["spec"]["syncPolicy"]["automated"]["prune"], true);
    assert_eq!(lab.application("cart-dev").await["spec"].get("syncPolicy"), None::<&Value>);
}
