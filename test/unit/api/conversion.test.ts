import t from 'tap';
import { eventFromCore, eventToCore } from '../../../api/conversion/event.js';
import {
  horizontalPodAutoscalerFromV2,
  horizontalPodAutoscalerToV2,
} from '../../../api/conversion/horizontal-pod-autoscaler.js';
import type { HorizontalPodAutoscaler } from '../../../api/generated/autoscaling-v2.js';
import type { Event } from '../../../api/generated/core-v1.js';

const everything = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'a', namespace: 'b', annotations: { mine: 'stays' } },
  spec: {
    scaleTargetRef: { kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
      },
      {
        type: 'Resource',
        resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
      },
      {
        type: 'Pods',
        pods: {
          metric: { name: 'hits', selector: {} },
          target: { type: 'AverageValue', averageValue: '10' },
        },
      },
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'Service', name: 's' },
          metric: { name: 'load' },
          target: { type: 'Value', value: '5' },
        },
      },
      { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '30' } } },
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'cpu',
          container: 'c',
          target: { type: 'Utilization', averageUtilization: 50 },
        },
      },
    ],
    behavior: {
      scaleUp: { stabilizationWindowSeconds: 3, policies: [{ type: 'Pods', value: 1, periodSeconds: 2 }] },
    },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 60, averageValue: '100m' } },
      },
    ],
    conditions: [{ type: 'AbleToScale', status: 'True' }],
  },
} as unknown as HorizontalPodAutoscaler;

void t.test('an autoscaler goes through v1 and comes back whole', (t) => {
  const flat = horizontalPodAutoscalerFromV2(structuredClone(everything));
  t.match(flat, {
    apiVersion: 'autoscaling/v1',
    spec: { maxReplicas: 5, targetCPUUtilizationPercentage: 70 },
  });
  t.notOk('metrics' in flat.spec || 'behavior' in flat.spec, 'nothing that v1 does not know');
  t.match(flat.metadata.annotations, {
    mine: 'stays',
    'autoscaling.alpha.kubernetes.io/metrics': /"targetAverageValue":"1Gi"/,
    'autoscaling.alpha.kubernetes.io/behavior': /"ScaleUp":\{"StabilizationWindowSeconds":3/,
    'autoscaling.alpha.kubernetes.io/conditions': /AbleToScale/,
  });
  t.strictSame(horizontalPodAutoscalerToV2(flat), everything);
  t.end();
});

void t.test('annotations that nobody can read stay', (t) => {
  const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '{"not":"a list' };
  const { metadata, spec } = horizontalPodAutoscalerToV2({
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { ...everything.metadata, annotations },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 1 },
    status: { currentReplicas: 0, desiredReplicas: 0 },
  });
  t.strictSame(metadata.annotations, annotations);
  t.equal(spec.metrics, undefined);
  t.end();
});

void t.test('an Event has one content and two names for it', (t) => {
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'a', namespace: 'b' },
    involvedObject: { kind: 'Pod', name: 'p' },
    reason: 'Started',
    message: 'Started container',
    source: { component: 'kubelet' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    count: 3,
    eventTime: null,
    reportingComponent: 'kubelet',
  } as unknown as Event;
  const renewed = eventFromCore(event);
  t.match(renewed, {
    apiVersion: 'events.k8s.io/v1',
    regarding: { name: 'p' },
    note: 'Started container',
    deprecatedSource: { component: 'kubelet' },
    deprecatedCount: 3,
    reportingController: 'kubelet',
  });
  t.strictSame(eventToCore(renewed), event);
  t.end();
});
