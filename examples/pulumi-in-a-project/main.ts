// Constructs in a Pulumi program that has resources of its own: their Outputs go where texts go, and a credential of the
// stack's configuration goes where a Secret goes.
import * as kubernetes from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { Chart } from 'cdk8s';
import { BuildJob, ImageName, type KeelsonApp, MinioService, PodSecurity } from 'keelson';
import { asString, KeelsonComponent, kubernetesProvider, secretOutput } from 'keelson/pulumi';

const config = new pulumi.Config();
const provider = kubernetesProvider('cluster');
const namespace = new kubernetes.core.v1.Namespace('load-test', {}, { provider });
const settings = new kubernetes.core.v1.ConfigMap(
  'settings',
  { metadata: { namespace: namespace.metadata.name }, data: { level: 'debug' } },
  { provider },
);

const component = new KeelsonComponent(
  'load-test',
  {
    program: (app: KeelsonApp) => {
      const chart = new Chart(app, 'load-test', { namespace: asString(namespace.metadata.name) });
      const minio = new MinioService(chart, 'minio', {
        credentials: {
          user: secretOutput(pulumi.output('load-test')),
          password: secretOutput(config.requireSecret('minioPassword')),
        },
      });
      const build = new BuildJob(chart, 'build', {
        image: ImageName.parse('registry.example.com/team/load-test:1.4.0'),
        command: ['./load-test'],
        services: [minio],
        podSecurity: PodSecurity.baseline('the image runs as root'),
        env: {
          TARGET: `https://${asString(pulumi.output(config.get('host') ?? 'staging.example.com'))}/api`,
          TOKEN: secretOutput(config.requireSecret('token')),
        },
        envFrom: [{ configMap: asString(settings.metadata.name) }],
      });
      return { minio, build };
    },
  },
  { provider },
);

const { made } = component;
const service = component.resource(made.minio.service, kubernetes.core.v1.Service);
export const minioAddress: pulumi.Output<string> = pulumi.interpolate`${service.metadata.name}.${namespace.metadata.name}:9000`;
