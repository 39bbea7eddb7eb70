//! Rows of Services, Ingresses, `EndpointSlices` and network policies.
//! It must not know how traffic is routed.

use serde_json::Value;

use super::access::{int, list, or, text};
use super::cell::{NONE, age, join, labels, name, plain, selector};
use super::printer::{AGE, NAME, Printer, col, wide};

pub(super) fn printers() -> [(&'static str, &'static str, Printer); 6] {
    [
        ("", "services", SERVICES),
        ("", "endpoints", ENDPOINTS),
        ("discovery.k8s.io", "endpointslices", ENDPOINT_SLICES),
        ("networking.k8s.io", "ingresses", INGRESSES),
        ("networking.k8s.io", "ingressclasses", INGRESS_CLASSES),
        ("networking.k8s.io", "networkpolicies", NETWORK_POLICIES),
    ]
}

const SERVICES: Printer = Printer {
    columns: &[NAME, col("Type"), col("Cluster-IP"), col("External-IP"), col("Port(s)"), AGE, wide("Selector")],
    cells: |service, now| {
        let ip = list(service, "/spec/clusterIPs").first().and_then(Value::as_str);
        let ip = ip.unwrap_or_else(|| text(service, "/spec/clusterIP"));
        let ports: Vec<String> = list(service, "/spec/ports").iter().map(service_port).collect();
        vec![
            name(service),
            text(service, "/spec/type").into(),
            or(ip, NONE).into(),
            external_ip(service).into(),
            or(&ports.join(","), NONE).into(),
            age(service, now),
            labels(service.pointer("/spec/selector")).into(),
        ]
    },
};

fn service_port(port: &Value) -> String {
    let node = int(port, "/nodePort");
    let node = if node > 0 { format!(":{node}") } else { String::new() };
    format!("{}{node}/{}", int(port, "/port"), or(text(port, "/protocol"), "TCP"))
}

fn external_ip(service: &Value) -> String {
    let external = || join(list(service, "/spec/externalIPs").iter().filter_map(Value::as_str), ",");
    match text(service, "/spec/type") {
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        "LoadBalancer" => {
            let addresses = load_balancer(service);
            let (addresses, external) = (addresses.as_str(), external());
            match (addresses, external.as_str()) {
                ("", "") => "<pending>".to_owned(),
                ("", one) | (one, "") => one.to_owned(),
                (one, other) => format!("{one},{other}"),
            }
        }
        _ => or(&external(), NONE).to_owned(),
    }
}

fn load_balancer(object: &Value) -> String {
    let points = list(object, "/status/loadBalancer/ingress").iter();
    join(points.map(|point| or(text(point, "/ip"), text(point, "/hostname"))), ",")
}

const ENDPOINTS: Printer = Printer {
    columns: &[NAME, col("Endpoints"), AGE],
    cells: |object, now| {
        let subsets = list(object, "/subsets").iter();
        let shown: Vec<String> = subsets
            .flat_map(|subset| {
                let ports = list(subset, "/ports");
                list(subset, "/addresses").iter().flat_map(move |address| {
                    ports.iter().map(move |port| format!("{}:{}", text(address, "/ip"), int(port, "/port")))
                })
            })
            .collect();
        vec![name(object), limited(&shown).into(), age(object, now)]
    },
};

const ENDPOINT_SLICES: Printer = Printer {
    columns: &[NAME, col("AddressType"), col("Ports"), col("Endpoints"), AGE],
    cells: |object, now| {
        let ports: Vec<String> =
            list(object, "/ports").iter().map(|p| p.get("port").map_or_else(|| "*".to_owned(), plain)).collect();
        let endpoints = list(object, "/endpoints").iter().flat_map(|endpoint| list(endpoint, "/addresses"));
        let endpoints: Vec<String> = endpoints.filter_map(|address| address.as_str().map(str::to_owned)).collect();
        let unset = |shown: String| if shown == NONE { "<unset>".to_owned() } else { shown };
        vec![
            name(object),
            text(object, "/addressType").into(),
            unset(limited(&ports)).into(),
            unset(limited(&endpoints)).into(),
            age(object, now),
        ]
    },
};

/// At most three, then how many more there are.
fn limited(shown: &[String]) -> String {
    let first = shown.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(",");
    match shown.len() {
        0 => NONE.to_owned(),
        1..=3 => first,
        total => format!("{first} + {} more...", total - 3),
    }
}

const INGRESSES: Printer = Printer {
    columns: &[NAME, col("Class"), col("Hosts"), col("Address"), col("Ports"), AGE],
    cells: |object, now| {
        let rules = list(object, "/spec/rules").iter();
        let hosts: Vec<String> = rules.map(|rule| or(text(rule, "/host"), "*").to_owned()).collect();
        let hosts = if hosts.is_empty() { "*".to_owned() } else { limited(&hosts) };
        let tls = !list(object, "/spec/tls").is_empty();
        vec![
            name(object),
            or(text(object, "/spec/ingressClassName"), NONE).into(),
            hosts.into(),
            load_balancer(object).into(),
            (if tls { "80, 443" } else { "80" }).into(),
            age(object, now),
        ]
    },
};

const INGRESS_CLASSES: Printer = Printer {
    columns: &[NAME, col("Controller"), col("Parameters"), AGE],
    cells: |object, now| {
        let parameters = object.pointer("/spec/parameters").map(|p| {
            let kind = text(p, "/kind");
            let group = text(p, "/apiGroup");
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            format!("{kind}{group}/{}", text(p, "/name"))
        });
        let parameters = parameters.unwrap_or_else(|| NONE.to_owned());
        vec![name(object), text(object, "/spec/controller").into(), parameters.into(), age(object, now)]
    },
};

const NETWORK_POLICIES: Printer = Printer {
    columns: &[NAME, col("Pod-Selector"), AGE],
    cells: |object, now| vec![name(object), selector(object.pointer("/spec/podSelector")).into(), age(object, now)],
};
