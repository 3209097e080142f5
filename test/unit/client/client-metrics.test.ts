/** What a program shows of its calls: client-go's names, types and labels. */
import t from 'tap';
import { Registry } from 'prom-client';
import { createClientMetrics } from '../../../client/client-metrics.js';

void t.test('requests, failures and leadership', async (t) => {
  const registry = new Registry();
  const metrics = createClientMetrics(registry);
  const host = '127.0.0.1:6443';
  metrics.requested(host, 'GET', 200, 0.03);
  metrics.requested(host, 'GET', 200, 0.3);
  metrics.requested(host, 'POST', 0, 61);
  metrics.leading('scheduler', false);
  metrics.leading('scheduler', true);
  const lines = (await registry.metrics()).split('\n');
  const expected = [
    '# TYPE rest_client_requests_total counter',
    `rest_client_requests_total{code="200",method="GET",host="${host}"} 2`,
    `rest_client_requests_total{code="<error>",method="POST",host="${host}"} 1`,
    '# TYPE rest_client_request_duration_seconds histogram',
    `rest_client_request_duration_seconds_bucket{le="0.1",verb="GET",host="${host}"} 1`,
    `rest_client_request_duration_seconds_bucket{le="0.5",verb="GET",host="${host}"} 2`,
    `rest_client_request_duration_seconds_bucket{le="60",verb="POST",host="${host}"} 0`,
    `rest_client_request_duration_seconds_count{verb="POST",host="${host}"} 1`,
    '# TYPE leader_election_master_status gauge',
    'leader_election_master_status{name="scheduler"} 1',
  ];
  for (const line of expected) t.ok(lines.includes(line), line);
});
