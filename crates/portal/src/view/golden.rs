//! The parts of an application's page, whole, for the application in `testdata/sample.yaml`.

use mainstay_apimachinery::yaml;

use super::application::View;
use crate::model::{Located, World};

fn sample() -> World {
    let documents = yaml::parse_documents(include_str!("../../testdata/sample.yaml")).unwrap();
    let mut values = documents.into_iter().map(|document| document.value);
    let mut world = World { control: "control".into(), application: values.next().unwrap(), ..World::default() };
    for object in values {
        let control = object["metadata"]["namespace"] == "argocd";
        let cluster = if control { "control".to_owned() } else { "dev".to_owned() };
        let located = Located { cluster, object };
        if located.object["kind"] == "Event" { world.events.push(located) } else { world.objects.push(located) }
    }
    world
}

#[test]
fn the_parts_of_a_page() {
    let world = sample();
    let secret = "dev/core/Secret/sample/sample";
    let view = View::new(&world, secret, false, "2030-01-01T00:01:00Z".parse().unwrap());
    insta::with_settings!({snapshot_path => "../../testdata/golden", prepend_module_to_snapshot => false, omit_expression => true}, {
        for (id, part) in view.parts() {
            // One element a line, so that a change can be read.
            insta::assert_snapshot!(id, part.into_string().replace("><", ">\n<"));
        }
    });
}
