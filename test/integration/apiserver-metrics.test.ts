/** /metrics of the API server: names and labels that dashboards and alerts for Kubernetes ask for. */
import tap from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';
import { until } from '../support/until.js';

const configMaps = '/api/v1/namespaces/default/configmaps';

await tap.test('requests by what they asked for', async (t) => {
  const fixture = await startFixture();
  t.teardown(fixture.stop);
  const metrics = async (): Promise<string> => (await fixture.request('GET', '/metrics')).text;
  const value = async (series: string): Promise<number> => {
    const line = (await metrics()).split('\n').find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  };
  const labels = (verb: string, scope: string): string =>
    `verb="${verb}",group="",version="v1",resource="configmaps",subresource="",scope="${scope}",component="apiserver"`;
  await fixture.request('POST', configMaps, { metadata: { name: 'a' } });
  await fixture.request('POST', `${configMaps}?dryRun=All`, { metadata: { name: 'b' } });
  await fixture.request('GET', `${configMaps}/a`);
  await fixture.request('GET', `${configMaps}/none`);
  await fixture.request('GET', configMaps);
  await fixture.request('GET', '/api/v1/configmaps');
  const patch = (type: string): object => ({ headers: { 'content-type': `application/${type}` } });
  await fixture.request('PATCH', `${configMaps}/a`, { data: { x: '1' } }, patch('merge-patch+json'));
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { y: '1' } };
  await fixture.request('PATCH', `${configMaps}/a?fieldManager=t`, applied, patch('apply-patch+yaml'));
  const total = (verb: string, scope: string, code: number, dryRun = ''): Promise<number> =>
    value(`apiserver_request_total{${labels(verb, scope)},dry_run="${dryRun}",code="${code}"}`);
  t.equal(await total('POST', 'resource', 201), 1);
  t.equal(await total('POST', 'resource', 201, 'All'), 1);
  t.equal(await total('GET', 'resource', 200), 1);
  t.equal(await total('GET', 'resource', 404), 1);
  t.equal(await total('LIST', 'namespace', 200), 1);
  t.equal(await total('LIST', 'cluster', 200), 1);
  t.equal(await total('PATCH', 'resource', 200), 1);
  t.equal(await total('APPLY', 'resource', 200), 1);
  const get = labels('GET', 'resource');
  t.equal(await value(`apiserver_request_duration_seconds_count{${get},dry_run=""}`), 2);
  t.equal(await value(`apiserver_request_duration_seconds_bucket{le="60",${get},dry_run=""}`), 2);
  t.equal(await value(`apiserver_response_sizes_bucket{le="1000",${get}}`), 2);
  t.ok((await value(`apiserver_response_sizes_sum{${get}}`)) > 200);
  t.equal(await value('apiserver_storage_objects{resource="configmaps"}'), 2, "one is the server's own");
  t.equal(await value('apiserver_resource_objects{group="",resource="configmaps"}'), 2);
  t.equal(
    await value('apiserver_resource_objects{group="flowcontrol.apiserver.k8s.io",resource="flowschemas"}'),
    13,
  );

  const watch = fixture.watch(`${configMaps}?watch=1&resourceVersion=0`);
  await watch.until((lines) => lines.length === 1);
  const watching = `apiserver_longrunning_requests{${labels('WATCH', 'namespace')}}`;
  t.equal(await value(watching), 1);
  await fixture.request('PUT', `${configMaps}/a`, { metadata: { name: 'a' }, data: { z: '1' } });
  await watch.until((lines) => lines.length === 2);
  t.equal(
    await value('apiserver_watch_events_total{group="",version="v1",resource="configmaps"}'),
    1,
    'the state that it began with is no event',
  );
  watch.close();
  await until('the watch has ended', async () => (await value(watching)) === 0);
  t.equal(await value(`apiserver_request_sli_duration_seconds_count{${get}}`), 2);
  t.equal(await value('apiserver_watch_events_sizes_count{group="",version="v1",resource="configmaps"}'), 1);

  const ofStore = (operation: string): string => `{operation="${operation}",group="",resource="configmaps"}`;
  t.equal(await value(`etcd_requests_total${ofStore('create')}`), 2, 'a dry run writes nothing');
  t.equal(await value(`etcd_request_duration_seconds_count${ofStore('update')}`), 3);
  t.equal(await value(`etcd_request_errors_total${ofStore('update')}`), 0);
  const resource = 'group="",resource="configmaps"';
  t.equal(await value(`apiserver_watch_cache_events_received_total{${resource}}`), 5);
  t.equal(await value(`apiserver_cache_list_total{${resource},index=""}`), 4, 'two lists and two watches');
  t.equal(await value(`apiserver_cache_list_returned_objects_total{${resource}}`), 3);
  t.ok((await value(`apiserver_watch_cache_resource_version{${resource}}`)) > 4);
  t.ok((await value('apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}')) >= 0);

  const admitted = 'operation="CREATE",type="admit",rejected="false"';
  const step = 'apiserver_admission_step_admission_duration_seconds_count';
  t.ok((await value(`${step}{${admitted}}`)) >= 2);
  const plugin = 'apiserver_admission_controller_admission_duration_seconds_count';
  t.ok((await value(`${plugin}{name="NamespaceLifecycle",${admitted}}`)) >= 2);
  await fixture.request('POST', configMaps.replace('default', 'none'), { metadata: { name: 'a' } });
  t.equal(
    await value(`${plugin}{name="NamespaceLifecycle",operation="CREATE",type="admit",rejected="true"}`),
    1,
  );

  t.ok((await value('authentication_attempts{result="success"}')) > 10);
  t.ok((await value('authenticated_user_requests{username="other"}')) > 10);
  t.ok((await value('apiserver_client_certificate_expiration_seconds_count')) > 10);
  t.ok((await value('authorization_attempts_total{result="allowed"}')) > 10);
  await fixture.request('GET', '/api/v1/componentstatuses');
  t.equal(
    await value(
      'apiserver_requested_deprecated_apis{group="",version="v1",resource="componentstatuses",subresource="",removed_release=""}',
    ),
    1,
  );
  await fixture.request('GET', '/readyz');
  t.equal(await value('kubernetes_healthcheck{name="store",type="readyz"}'), 1);
  t.ok((await value('kubernetes_healthchecks_total{name="store",type="readyz",status="success"}')) >= 1);
  t.same(fixture.errors, []);
});
