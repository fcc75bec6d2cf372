// A platform and a pipeline that live in two repositories. Here both are one file; the two apps share nothing but
// a few names, and each is applied on its own.
import {
  ImageName,
  Keel,
  KeelsonApp,
  KeelTrigger,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  SecretSource,
} from 'keelson';

const registry = MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' });

// The repository of the cluster: its Keel is told of the namespaces that other repositories build in.
const cluster = new KeelsonApp({ outdir: 'manifests/cluster', nodeSetupOutdir: 'node-setup' });
new Platform(cluster, 'platform', {
  registry,
  keel: {
    namespaces: [
      'simulator',
      {
        namespace: 'solver',
        // Service, Ingress and password stand beside Keel, so that the cluster's program makes them.
        trigger: KeelTrigger.webhook({
          from: 'quay',
          host: 'keel-solver.example.com',
          tlsSecretName: 'keel-solver-tls',
          ingressController: { namespace: 'ingress' },
          credentials: {
            user: SecretSource.existing('solver-webhook', 'user'),
            password: SecretSource.existing('solver-webhook', 'password'),
          },
        }),
      },
    ],
  },
});
cluster.synth();

// The repository of a project: it refers to the platform by its name.
const project = new KeelsonApp({ outdir: 'manifests/project' });
const platform = Platform.existing({
  name: 'platform',
  registry,
  keel: Keel.installed({ namespace: 'keel' }),
});
const simulator = new Pipeline(project, 'simulator', { platform });
new KeelWatchedBuild(simulator, 'build', {
  image: registry.image('team/simulator-build').imageName('main'),
  command: ['./test.sh'],
});
const solver = new Pipeline(project, 'solver', { platform });
new KeelWatchedBuild(solver, 'build', {
  image: ImageName.parse('quay.io/team/solver-build:main'),
  command: ['./test.sh'],
  trigger: KeelTrigger.existingWebhook(),
  imagePullSecrets: [SecretSource.existing('quay-account', '.dockerconfigjson')],
});
project.synth();
