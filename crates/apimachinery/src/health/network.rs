//! Services, Ingresses, claims, autoscalers and API services, as Argo CD judges them.
//! It must not know workloads.

use serde_json::Value;

use super::{Condition, Health, Status, condition, list, text};
use crate::object;

/// Where an HPA of `autoscaling/v1` keeps its conditions.
const CONDITIONS_ANNOTATION: &str = "autoscaling.alpha.kubernetes.io/conditions";

pub(super) fn service(object: &Value) -> Health {
    if text(object, "/spec/type") == "LoadBalancer" { ingress(object) } else { Health::healthy("") }
}

pub(super) fn ingress(object: &Value) -> Health {
    if list(object, "/status/loadBalancer/ingress").is_empty() { Health::progressing("") } else { Health::healthy("") }
}

pub(super) fn volume_claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Bound" => Health::healthy(""),
        "Pending" => Health::progressing(""),
        "Lost" => Health::degraded(""),
        _ => Health::new(Status::Unknown, ""),
    }
}

pub(super) fn autoscaler(object: &Value) -> Health {
    if object::api_version(object) != "autoscaling/v1" {
        return autoscaler_conditions(list(object, "/status/conditions"));
    }
    let Some(annotation) = object::annotation(object, CONDITIONS_ANNOTATION) else {
        return autoscaler_conditions(&[]);
    };
    match serde_json::from_str::<Vec<Value>>(annotation) {
        Ok(conditions) => autoscaler_conditions(&conditions),
        Err(error) => {
            Health::new(Status::Unknown, format!("failed to read annotation {CONDITIONS_ANNOTATION}: {error}"))
        }
    }
}

fn autoscaler_conditions(conditions: &[Value]) -> Health {
    for condition in conditions.iter().map(Condition) {
        let failed = matches!(
            (condition.get("type"), condition.get("reason")),
            ("AbleToScale", "FailedGetScale" | "FailedUpdateScale")
                | ("ScalingActive", "FailedGetResourceMetric" | "InvalidSelector")
        );
        if failed {
            return Health::degraded(condition.get("message"));
        }
        if condition.is("AbleToScale", "True") || condition.is("ScalingLimited", "True") {
            return Health::healthy(condition.get("message"));
        }
    }
    Health::progressing("Waiting to Autoscale")
}

pub(super) fn api_service(object: &Value) -> Health {
    let Some(available) = condition(object, "Available") else {
        return Health::progressing("Waiting to be processed");
    };
    let message = format!("{}: {}", available.get("reason"), available.get("message"));
    if available.get("status") == "True" { Health::healthy(message) } else { Health::progressing(message) }
}
