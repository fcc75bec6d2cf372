// MinIO alone, beside a Deployment of cdk8s-plus in a chart that is no Pipeline.
import { ApiObject, Chart, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { exceptFromLinters, KeelsonApp, KeelsonLabels, MinioService, SecretSource } from 'keelson';

const app = new KeelsonApp();
const chart = new Chart(app, 'thumbnails', { namespace: 'thumbnails', disableResourceNameHashes: true });
const minio = new MinioService(chart, 'minio', {
  // No platform, so no controller that would make the credentials: the Secret is made by hand.
  credentials: {
    user: SecretSource.existing('minio', 'user'),
    password: SecretSource.existing('minio', 'password'),
  },
});

const deployment = new kplus.Deployment(chart, 'worker', {
  replicas: 1,
  // The network policy of a test service admits the pods of builds in its namespace, by this label.
  podMetadata: { labels: { [KeelsonLabels.STAGE]: 'build' } },
});
exceptFromLinters(ApiObject.of(deployment), {
  checks: ['kube-score/pod-networkpolicy'],
  reason: 'whoever may use this namespace may reach the worker',
});
const worker = deployment.addContainer({
  image: 'ghcr.io/example/thumbnails:1.4.2',
  securityContext: { user: 10_001, group: 10_001 },
  resources: {
    cpu: { request: kplus.Cpu.millis(100), limit: kplus.Cpu.units(1) },
    memory: { request: Size.mebibytes(128), limit: Size.mebibytes(512) },
    ephemeralStorage: { request: Size.gibibytes(1), limit: Size.gibibytes(1) },
  },
});
const secret = kplus.Secret.fromSecretName(chart, 'minio-credentials', 'minio');
for (const { name, value, valueFrom } of minio.environment) {
  const key = valueFrom?.secretKeyRef?.key;
  worker.env.addVariable(
    name,
    key === undefined ? kplus.EnvValue.fromValue(value ?? '') : secret.envValue(key),
  );
}
app.synth();
