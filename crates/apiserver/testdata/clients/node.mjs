// What users of the Node client do: one function per behaviour, against the cluster of KUBECONFIG.
//
// A test of the project runs this file. `restart` on standard output asks it to stop the server and start it again on
// what it had stored; it answers with a line on standard input. MAINSTAY_CLIENTS is where the client is installed.

import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const module = `${process.env.MAINSTAY_CLIENTS}/node_modules/@kubernetes/client-node/dist/index.js`;
const k8s = await import(pathToFileURL(module));
const PATIENCE_MS = 30_000;
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const kubeconfig = new k8s.KubeConfig();
kubeconfig.loadFromDefault();
const core = kubeconfig.makeApiClient(k8s.CoreV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(kubeconfig);

async function until(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function restart() {
  console.log('restart');
  assert.equal((await input.next()).value, 'restarted');
}

async function refused(code, call) {
  await assert.rejects(call, (error) => {
    assert.equal(error.code, code, String(error));
    return true;
  });
}

const configMap = (name, data) => ({ metadata: { name, labels: { 'made-by': 'node' } }, data });

async function objectsLiveAndDie(namespace) {
  const made = await core.createNamespacedConfigMap({ namespace, body: configMap('crud', { k: '1' }) });
  assert.ok(made.metadata.uid && made.metadata.creationTimestamp instanceof Date);
  await refused(409, () => core.createNamespacedConfigMap({ namespace, body: configMap('crud', {}) }));
  const body = { ...made, data: { k: '2' } };
  assert.deepEqual((await core.replaceNamespacedConfigMap({ name: 'crud', namespace, body })).data, { k: '2' });
  await refused(409, () => core.replaceNamespacedConfigMap({ name: 'crud', namespace, body: { ...made, data: { k: '3' } } }));
  const patch = [{ op: 'add', path: '/data/l', value: '3' }];
  const patched = await core.patchNamespacedConfigMap({ name: 'crud', namespace, body: patch });
  assert.deepEqual(patched.data, { k: '2', l: '3' });
  const listed = await core.listNamespacedConfigMap({ namespace, labelSelector: 'made-by=node', limit: 1 });
  assert.deepEqual(listed.items.map((item) => item.metadata.name), ['crud']);
  await core.deleteNamespacedConfigMap({ name: 'crud', namespace });
  await refused(404, () => core.readNamespacedConfigMap({ name: 'crud', namespace }));
}

async function applyOnTheServer(namespace) {
  const desired = (k) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace }, data: { k } });
  const apply = (manager, k, force) =>
    objects.patch(desired(k), undefined, undefined, manager, force, k8s.PatchStrategy.ServerSideApply);
  const first = await apply('one', '1');
  const again = await apply('one', '1');
  assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion, 'applying again changes nothing');
  await refused(409, () => apply('two', '2'));
  const forced = await apply('two', '2', true);
  assert.deepEqual(forced.metadata.managedFields.map((entry) => entry.manager), ['two']);
  await objects.delete(desired('2'));
}

async function customResources(namespace) {
  // The client's models spell words that JavaScript keeps for itself with an underscore.
  const schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { masts: { type: 'integer', _default: 1, minimum: 1 } } } },
  };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'ships.yard.example' },
    spec: {
      group: 'yard.example',
      scope: 'Namespaced',
      names: { plural: 'ships', singular: 'ship', kind: 'Ship' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
  await objects.create(definition);
  await until(async () => {
    const conditions = (await objects.read(definition)).status?.conditions ?? [];
    return conditions.some((condition) => condition.type === 'Established' && condition.status === 'True');
  }, 'the definition');
  const custom = kubeconfig.makeApiClient(k8s.CustomObjectsApi);
  const place = { group: 'yard.example', version: 'v1', namespace, plural: 'ships' };
  const ship = { apiVersion: 'yard.example/v1', kind: 'Ship', metadata: { name: 'swan', namespace }, spec: {} };
  assert.deepEqual((await custom.createNamespacedCustomObject({ ...place, body: ship })).spec, { masts: 1 });
  await refused(422, () => objects.patch({ ...ship, spec: { masts: 0 } }, undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch));
  const listed = await custom.listNamespacedCustomObject(place);
  assert.equal(listed.items.length, 1);
  await objects.delete(definition);
}

async function watchesOutliveARestart(namespace) {
  await core.createNamespacedConfigMap({ namespace, body: configMap('before', {}) });
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'made-by=node' });
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const informer = k8s.makeInformer(kubeconfig, path, list, 'made-by=node');
  // As the client's documentation has it: whoever is told of an error starts the informer again.
  const again = () => informer.start().catch(() => setTimeout(again, 100));
  informer.on('error', () => setTimeout(again, 100));
  await informer.start();
  const known = () => informer.list(namespace).map((item) => item.metadata.name).sort().join(' ');
  await until(() => known() === 'before', "the informer's first list");
  await core.createNamespacedConfigMap({ namespace, body: configMap('live', {}) });
  await until(() => known() === 'before live', 'an event');
  await restart();
  await core.deleteNamespacedConfigMap({ name: 'before', namespace });
  await core.createNamespacedConfigMap({ namespace, body: configMap('after', {}) });
  await until(() => known() === 'after live', 'events after the restart');
  await informer.stop();
}

const namespace = 'node';
await core.createNamespace({ body: { metadata: { name: namespace } } });
for (const behaviour of [objectsLiveAndDie, applyOnTheServer, customResources, watchesOutliveARestart]) {
  console.log(behaviour.name);
  await behaviour(namespace);
}
console.log('passed');
process.exit(0);
