// A cluster without internet: the library's images come from a mirror, and pods reach just what is named here.
import {
  GitSource,
  imagesOf,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  Tag,
} from 'keelson';

/** Keel, Redis, Makisu and the agent, copied to mirror.example.com/ci under the names that they had. */
const app = new KeelsonApp({ imageRegistry: 'mirror.example.com/ci' });

const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '10.20.0.10' }),
  apiServer: ['10.20.0.10/32'],
  egress: [
    '10.20.5.4/32', // git.example.com
    '10.20.5.5/32', // proxies of Go modules, npm and Debian packages
  ],
});
const pipeline = new Pipeline(app, 'firmware', {
  platform,
  source: GitSource.remote('https://git.example.com/team/firmware.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('team/firmware-build', { tag: Tag.branch() }),
  // The Dockerfile begins: ARG MIRROR, FROM ${MIRROR}/library/debian:12
  buildArgs: { MIRROR: '10.20.0.10:32000', GOPROXY: 'http://packages.example.com/go' },
});
new KeelWatchedBuild(pipeline, 'build', {
  image,
  command: ['make', 'test'],
  env: {
    GOPROXY: 'http://packages.example.com/go',
    GOFLAGS: '-mod=mod',
    npm_config_registry: 'http://packages.example.com/npm',
  },
});

app.synth();
for (const { name, built } of imagesOf(app)) if (!built) process.stdout.write(`${name}\n`);
