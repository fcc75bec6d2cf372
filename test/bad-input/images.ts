import { Chart, Duration, Size } from 'cdk8s';
import { IMAGE_REGISTRY_CONTEXT, ImageName, MicroK8sRegistry, Tag } from 'keelson';
import { platform, registry } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import { aBuild, anImageBuild, type Row, target } from './row.ts';

const imageNamed = (text: string): Build => aBuild({ image: ImageName.parse(text) });

export const images: readonly Row[] = [
  [
    'an image in upper case',
    imageNamed('quay.io/Team/build'),
    'ci/build: image.repository: is not a valid image repository (got "Team/build"); use lower-case letters and digits, with "/", ".", "_" or "-" between',
  ],
  [
    'an image with a tag that is none',
    imageNamed('quay.io/a:b c'),
    'ci/build: image.tag: is not a valid image tag (got "b c"); …',
  ],
  [
    'an image with a port that is none',
    imageNamed('quay.io:99999/a'),
    'ci/build: image.registry: has a port out of range (got "quay.io:99999"); use a port from 1 to 65535',
  ],
  [
    'an image that never changes',
    imageNamed(`quay.io/a@sha256:${'a'.repeat(64)}`),
    'ci/build: image.digest: never changes, so that nothing would ever be built (got "sha256:…); give the image by its tag',
  ],
  [
    'an image on localhost',
    imageNamed('localhost:32000/a:b'),
    `ci/build: image.registry: can't be polled by Keel, for whose pod it is the pod itself (got "localhost:32000"); name the registry by the address of its node, such as 172.31.39.52:32000`,
  ],
  [
    'a registry on localhost',
    (app) => platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: 'localhost' }) }),
    `platform: registry.nodeAddress: can't be polled by Keel, for whose pod it is the pod itself (got "localhost"); give the address by which other machines reach the node (\`hostname -I\` prints it)`,
  ],
  [
    'a registry on no port',
    (app) =>
      platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort: 65_536 }) }),
    'platform: registry.nodePort: is not a port (got 65536); give the NodePort of the registry; the addon uses 32000',
  ],
  [
    'a registry on the port http',
    (app) =>
      platform(app, {
        registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort: 'http' as never }),
      }),
    'platform: registry.nodePort: is not a port (got "http"); …',
  ],
  [
    'a target in upper case',
    target('Team'),
    'ci/image: target.repository: is not a valid image repository (got "Team"); …',
  ],
  [
    'a tag that is none',
    anImageBuild({ target: registry().image('a', { tag: Tag.named('a/b') }) }),
    'ci/image: target.tag: is not a valid image tag (got "a/b"); …',
  ],
  [
    'a tag that never moves',
    anImageBuild({ target: registry().image('a', { tag: Tag.commit() }) }),
    'ci/image: target.tag: is new with every commit, so that nothing can watch it (got "((keelson.tag.commit))"); use Tag.branch() or Tag.named(name); a tag for the commit is pushed beside it anyway',
  ],
  [
    'a Dockerfile outside of the repository',
    anImageBuild({ dockerfile: '../Dockerfile' }),
    'ci/image: dockerfile: is not a path inside the repository (got "../Dockerfile"); give a relative path without ".."',
  ],
  [
    'an absolute context',
    anImageBuild({ context: '/' }),
    'ci/image: context: is not a path inside the repository (got "/"); …',
  ],
  [
    'an ARG that is none',
    anImageBuild({ buildArgs: { 'A-B': '1' } }),
    'ci/image: buildArgs.A-B: is not a valid name of an ARG (got "A-B"); use letters, digits and "_"',
  ],
  [
    'an ARG that Makisu refuses',
    anImageBuild({ buildArgs: { A: 'b=c' } }),
    'ci/image: buildArgs.A: holds "=", which Makisu refuses (got "b=c"); set the value in the Dockerfile instead',
  ],
  [
    'a secret ARG',
    anImageBuild({ buildArgs: { NPM_TOKEN: 'CANARY' } }),
    'ci/image: buildArgs.NPM_TOKEN: is a secret in plain text (got a hidden value); leave it out: build arguments stay in the history of the image',
  ],
  [
    'no attempt',
    anImageBuild({ maxAttempts: 0 }),
    'ci/image: maxAttempts: is not a number of attempts (got 0); give 1 to 10',
  ],
  [
    'an image build of no time',
    anImageBuild({ timeout: Duration.seconds(0) }),
    'ci/image: timeout: is out of range (got "0 s"); give 1 to 604800 seconds, such as Duration.minutes(30)',
  ],
  [
    'an image build of a second and a half',
    anImageBuild({ timeout: Duration.millis(1500) }),
    'ci/image: timeout…1.5 s…',
  ],
  [
    'clients of a registry that are no addresses',
    (app) => {
      const props = { nodeAddress: '10.0.0.1', storage: Size.gibibytes(1), clients: ['10.0.0.1'] };
      new MicroK8sRegistry(new Chart(app, 'c'), 'registry', props);
    },
    'c/registry…clients…(got "10.0.0.1"); …',
  ],
  [
    "a registry for the library's images that is a URL",
    (app) => {
      app.node.setContext(IMAGE_REGISTRY_CONTEXT, 'https://registry.example.com');
      platform(app);
    },
    'app: context keelson.dev/image-registry: is not a registry (got "https://registry.example.com"); give a host with an optional port and path, such as registry.example.com:5000/mirror',
  ],
];
