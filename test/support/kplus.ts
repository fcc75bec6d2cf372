import { ApiObject, type Chart, Cron, Duration, JsonPatch, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';

/** Objects of cdk8s-plus, of its typed classes and of its generated ones. */
export function kplusWorkloads(chart: Chart): void {
  const { k8s } = kplus;
  new kplus.ConfigMap(chart, 'settings', { data: { a: '1', 'b.sh': '#!/bin/sh\nset -e\n' } });
  new kplus.Secret(chart, 'secret', { stringData: { key: 'value' }, immutable: true });
  const settings = kplus.ConfigMap.fromConfigMapName(chart, 'settings-reference', 'settings');
  const secret = kplus.Secret.fromSecretName(chart, 'secret-reference', 'secret');
  const deployment = new kplus.Deployment(chart, 'web', {
    replicas: 2,
    podMetadata: { labels: { tier: 'web' } },
    containers: [
      {
        image: 'quay.io/team/web:1',
        portNumber: 8080,
        envVariables: {
          A: kplus.EnvValue.fromValue('1e3'),
          B: kplus.EnvValue.fromSecretValue({ secret, key: 'key' }),
          C: kplus.EnvValue.fromFieldRef(kplus.EnvFieldPaths.POD_IP),
        },
        envFrom: [kplus.Env.fromConfigMap(settings)],
        readiness: kplus.Probe.fromHttpGet('/ready', { periodSeconds: Duration.seconds(5) }),
        resources: { cpu: { limit: kplus.Cpu.millis(500) }, memory: { request: Size.mebibytes(64) } },
      },
    ],
  });
  deployment.containers[0]?.mount('/settings', kplus.Volume.fromConfigMap(chart, 'volume', settings));
  deployment.exposeViaService({ name: 'web', ports: [{ port: 80, targetPort: 8080 }] });
  deployment.metadata.addLabel('late', 'yes');
  new kplus.Job(chart, 'job', {
    backoffLimit: 0,
    ttlAfterFinished: Duration.hours(1),
    containers: [{ image: 'a:1' }],
  });
  new kplus.CronJob(chart, 'cron', {
    schedule: Cron.daily(),
    containers: [{ image: 'a:1' }],
  });
  new kplus.StatefulSet(chart, 'db', {
    service: new kplus.Service(chart, 'db-service', { ports: [{ port: 5432 }], clusterIP: 'None' }),
    containers: [{ image: 'quay.io/team/db:1' }],
  });
  new kplus.PersistentVolumeClaim(chart, 'claim', {
    storage: Size.gibibytes(1),
    accessModes: [kplus.PersistentVolumeAccessMode.READ_WRITE_ONCE],
  });
  const role = new kplus.Role(chart, 'role', {
    rules: [{ verbs: ['get'], resources: [kplus.ApiResource.PODS] }],
  });
  role.bind(new kplus.ServiceAccount(chart, 'account'));
  new kplus.NetworkPolicy(chart, 'policy', {
    selector: deployment,
    ingress: { default: kplus.NetworkPolicyTrafficDefault.DENY },
  });
  new k8s.KubeLimitRange(chart, 'limits', {
    spec: {
      limits: [
        {
          type: 'Container',
          max: { cpu: k8s.Quantity.fromNumber(2), memory: k8s.Quantity.fromString('1Gi') },
        },
      ],
    },
  });
  new k8s.KubePodDisruptionBudget(chart, 'budget', {
    spec: { maxUnavailable: k8s.IntOrString.fromString('50%'), selector: { matchLabels: { tier: 'web' } } },
  });
  ApiObject.of(deployment).addJsonPatch(JsonPatch.add('/spec/template/spec/hostname', 'web'));
}
