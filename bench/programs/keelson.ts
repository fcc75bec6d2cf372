/** Keelson's part of the benchmark: N reference pipelines on one platform. Measured as compiled. */
import { YamlOutputType } from 'cdk8s';
import { KeelsonApp, MicroK8sRegistry, Platform } from 'keelson';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunnerPipeline } from '../../apps/studio-go-runner/pipeline.ts';

const [count = '1', layout = 'object', outdir = 'out'] = process.argv.slice(2);
const app = new KeelsonApp({
  outdir,
  yamlOutputType:
    layout === 'pipeline' ? YamlOutputType.FILE_PER_CHART : YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE,
});
const options = optionsFromEnvironment({});
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: options.registryAddress }),
});
for (let index = 0; index < Number(count); index++) {
  studioGoRunnerPipeline(app, `p-${index}`, platform, { ...options, namespace: `ns-${index}` });
}
app.synth();
