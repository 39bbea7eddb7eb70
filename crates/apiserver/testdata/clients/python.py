"""What users of the Python client do: one function per behaviour, against the cluster of KUBECONFIG.

A test of the project runs this file. `restart` on standard output asks it to stop the server and start it again on what
it had stored; it answers with a line on standard input.
"""

import faulthandler
import sys
import threading
import time

import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.informer import SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

PATIENCE = 30
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.harbour.example}
spec:
  group: harbour.example
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {sails: {type: integer, default: 1, minimum: 1}}}
          status: {type: object, properties: {afloat: {type: boolean}}}
"""


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def restart():
    print("restart", flush=True)
    assert sys.stdin.readline() == "restarted\n"


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ApiException as error:
        return error.status
    raise AssertionError("it was not refused")


def config_map(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"made-by": "python"}), data=data)


def objects_live_and_die(namespace):
    core = client.CoreV1Api()
    made = core.create_namespaced_config_map(namespace, config_map("crud", k="1"))
    assert made.metadata.uid and made.metadata.managed_fields[0].manager == "OpenAPI-Generator", made
    assert refusal(core.create_namespaced_config_map, namespace, config_map("crud")) == 409
    read = core.read_namespaced_config_map("crud", namespace)
    stale = core.read_namespaced_config_map("crud", namespace)
    read.data["k"] = "2"
    assert core.replace_namespaced_config_map("crud", namespace, read).data == {"k": "2"}
    assert refusal(core.replace_namespaced_config_map, "crud", namespace, stale) == 409
    patched = core.patch_namespaced_config_map("crud", namespace, {"data": {"l": "3"}})
    assert patched.data == {"k": "2", "l": "3"}
    listed = core.list_namespaced_config_map(namespace, label_selector="made-by=python")
    assert [item.metadata.name for item in listed.items] == ["crud"]
    core.delete_namespaced_config_map("crud", namespace)
    assert refusal(core.read_namespaced_config_map, "crud", namespace) == 404


def workloads_are_typed(namespace):
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "example/web:1", "resources": {"requests": {"cpu": "10m"}}}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    utils.create_from_dict(client.ApiClient(), manifest, namespace=namespace)
    apps = client.AppsV1Api()
    web = apps.read_namespaced_deployment("web", namespace)
    assert web.spec.strategy.rolling_update.max_surge == "25%" and web.metadata.generation == 1
    scale = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 5}})
    assert scale.spec.replicas == 5
    web.spec.replicas = 5
    web.status = client.V1DeploymentStatus(observed_generation=2, replicas=5)
    web.metadata.resource_version = None
    assert apps.patch_namespaced_deployment_status("web", namespace, web).status.replicas == 5
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")


def pages_are_followed(namespace):
    core = client.CoreV1Api()
    for number in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"page-{number}"))
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, label_selector="made-by=python", limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"page-{number}" for number in range(5)], names
    core.delete_collection_namespaced_config_map(namespace, label_selector="made-by=python")


def apply_on_the_server(namespace):
    api = dynamic.DynamicClient(client.ApiClient())
    maps = api.resources.get(api_version="v1", kind="ConfigMap")

    def apply(manager, value, force=None):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": value}}
        return maps.server_side_apply(body, namespace=namespace, field_manager=manager, force_conflicts=force)

    assert apply("one", "1").data.k == "1"
    version = apply("one", "1").metadata.resourceVersion
    assert apply("one", "1").metadata.resourceVersion == version, "applying again changes nothing"
    assert refusal(apply, "two", "2") == 409
    owners = [entry.manager for entry in apply("two", "2", True).metadata.managedFields]
    assert owners == ["two"], owners
    maps.delete(name="applied", namespace=namespace)


def custom_resources(namespace):
    api = client.ApiClient()
    utils.create_from_dict(api, yaml.safe_load(DEFINITION))
    definitions = client.ApiextensionsV1Api()

    def established():
        conditions = definitions.read_custom_resource_definition("boats.harbour.example").status.conditions or []
        return any(condition.type == "Established" and condition.status == "True" for condition in conditions)

    until(established, "the definition")
    custom = client.CustomObjectsApi()
    place = ("harbour.example", "v1", namespace, "boats")
    body = {"apiVersion": "harbour.example/v1", "kind": "Boat", "metadata": {"name": "gull"}, "spec": {}}
    assert custom.create_namespaced_custom_object(*place, body)["spec"] == {"sails": 1}
    body["spec"] = {"sails": 0}
    assert refusal(custom.patch_namespaced_custom_object, *place, "gull", body) == 422
    boats = dynamic.DynamicClient(api).resources.get(api_version="harbour.example/v1", kind="Boat")
    status = {"metadata": {"name": "gull"}, "status": {"afloat": True}}
    boats.status.patch(status, namespace=namespace, content_type="application/merge-patch+json")
    assert boats.get(name="gull", namespace=namespace).status.afloat is True
    definitions.delete_custom_resource_definition("boats.harbour.example")


def one_leads(namespace):
    """Two candidates; the second leads once the first has let its lease run out."""
    leaders = []

    def candidate(name, stop):
        def lead():
            leaders.append(name)
            stop.wait()

        lock = LeaseLock("harbour-master", namespace, name)
        settings = electionconfig.Config(
            lock, lease_duration=3, renew_deadline=2, retry_period=1, onstarted_leading=lead, onstopped_leading=None
        )
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()

    candidate("first", threading.Event())
    until(lambda: leaders == ["first"], "a leader")
    lease = client.CoordinationV1Api().read_namespaced_lease("harbour-master", namespace)
    assert lease.spec.holder_identity == "first", lease
    candidate("second", threading.Event())
    # The first renews, so the second waits; a lease taken by hand is taken over once it has run out.
    renewed = lease.spec.renew_time
    until(lambda: client.CoordinationV1Api().read_namespaced_lease("harbour-master", namespace).spec.renew_time > renewed, "a renewal")
    assert leaders == ["first"], leaders


def watches_outlive_a_restart(namespace):
    """An informer and a plain watch, both of which go on once the server is back."""
    core = client.CoreV1Api()
    core.create_namespaced_config_map(namespace, config_map("before"))
    informer = SharedInformer(core.list_namespaced_config_map, namespace=namespace, label_selector="made-by=python")
    informer.start()
    known = lambda: sorted(key.split("/")[-1] for key in informer.cache.list_keys())
    until(lambda: known() == ["before"], "the informer's first list")
    core.create_namespaced_config_map(namespace, config_map("live"))
    until(lambda: known() == ["before", "live"], "an event")
    restart()
    core.delete_namespaced_config_map("before", namespace)
    core.create_namespaced_config_map(namespace, config_map("after"))
    until(lambda: known() == ["after", "live"], "events after the restart")
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.delete_namespaced_config_map("live", namespace)
    stream = watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=5)
    event = next(stream)
    assert (event["type"], event["object"].metadata.name) == ("DELETED", "live"), event
    # The informer's thread sits in a read of its watch; the process's end ends it.


def main():
    config.load_kube_config()
    namespace = "python"
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    for behaviour in [
        objects_live_and_die,
        workloads_are_typed,
        pages_are_followed,
        apply_on_the_server,
        custom_resources,
        one_leads,
        watches_outlive_a_restart,
    ]:
        print(behaviour.__name__, flush=True)
        # Where it sits, should it be stopped for its silence.
        faulthandler.dump_traceback_later(PATIENCE + 10)
        behaviour(namespace)
    print("passed", flush=True)


main()
