// Secrets that are kept elsewhere: in Vault, from which External Secrets copies them, and sealed in this program,
// for the controller of Sealed Secrets to unseal. Both controllers have to be in the cluster.
import {
  expectedSecrets,
  GitCredential,
  GitSource,
  ImageName,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  SecretSource,
} from 'keelson';

const vault = { name: 'vault', kind: 'ClusterSecretStore' } as const;
/** A key of one Secret, license, for each property that Vault has under ci/license. */
const license = (property: string): SecretSource =>
  SecretSource.externalSecret({
    store: vault,
    remoteKey: 'ci/license',
    property,
    name: 'license',
    key: property,
  });

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'billing', {
  platform,
  source: GitSource.remote('https://git.example.com/team/billing.git', {
    branch: 'main',
    credential: GitCredential.token(
      SecretSource.externalSecret({ store: vault, remoteKey: 'ci/git', property: 'token' }),
    ),
  }),
});
new KeelWatchedBuild(pipeline, 'build', {
  image: ImageName.parse('ghcr.io/example/billing-build:main'),
  command: ['./test.sh'],
  env: { LICENSE_SERVER_TOKEN: license('token') },
  secretFiles: { '/run/license/certificate.pem': license('certificate') },
});

app.synth();
for (const { namespace, name, madeBy } of expectedSecrets(app)) {
  process.stdout.write(`${namespace}/${name} is made by ${madeBy}\n`);
}
