// One GPU for several builds: the device plugin divides it by time, and each build gets a share.
import { Duration } from 'cdk8s';
import {
  GpuBuildNode,
  GpuSharing,
  Gpus,
  ImageName,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  NvidiaDevicePlugin,
  Pipeline,
  Platform,
  PodSecurity,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});

// For nodes with the driver and the container toolkit, and without the GPU operator or `microk8s enable gpu`:
// kubectl label node NODE nvidia.com/gpu.present=true
new NvidiaDevicePlugin(platform, 'gpus', {
  sharing: GpuSharing.timeSlicing({ replicas: 4 }),
  runtimeHandler: 'nvidia', // this makes the RuntimeClass; the builds name it
});

for (const name of ['training', 'inference']) {
  const pipeline = new Pipeline(app, name, { platform });
  new KeelWatchedBuild(pipeline, 'build', {
    image: ImageName.parse(`192.168.1.10:32000/example/${name}-build:main`),
    command: ['python3', '-m', 'pytest'],
    // A share is held as long as the pod is kept.
    keepFor: Duration.minutes(30),
    node: new GpuBuildNode(pipeline, 'gpu', { gpus: Gpus.shared() }),
    podSecurity: PodSecurity.baseline('the CUDA image runs as root'),
  });
}
app.synth();
