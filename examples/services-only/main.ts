// The services that tests run against, and nothing else: for a developer who runs the tests on a laptop.
//
//   kubectl --namespace dev-services port-forward service/minio-service 9000
//   kubectl --namespace dev-services port-forward service/rabbitmq-service 5672 15672
//   kubectl --namespace dev-services get secret minio-credentials --output jsonpath='{.data.password}' | base64 --decode
import { KeelsonApp, MicroK8sRegistry, MinioRabbitTestStack, Pipeline, Platform } from 'keelson';

const app = new KeelsonApp();
const platform = Platform.existing({
  name: 'platform',
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'dev-services', { platform });
new MinioRabbitTestStack(pipeline, 'services', {
  // Pods of the namespace `sandbox` may connect to MinIO; port-forwarding needs no entry.
  minio: { clients: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'sandbox' } } }] },
});
app.synth();
