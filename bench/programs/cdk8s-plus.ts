/** The same objects with cdk8s-plus-27 and App.synth() alone. */
import { ApiObject, type ApiObjectProps, App, Chart, YamlOutputType } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { ConstructModule, ConstructOf } from './construct-module.ts';

const [module = '', count = '1', layout = 'object', outdir = 'out'] = process.argv.slice(2);
const { platform, platformPerPipeline, pipeline } = (await import(module)) as ConstructModule;

const app = new App({
  outdir,
  yamlOutputType:
    layout === 'pipeline' ? YamlOutputType.FILE_PER_CHART : YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE,
});
const shared = new Chart(app, 'platform');
add(shared, 'platform', platform(0, k8s));
for (let index = 0; index < Number(count); index++) {
  add(shared, `p-${index}`, platformPerPipeline(index, k8s));
  add(new Chart(app, `p-${index}`), 'object', pipeline(index, k8s));
}
app.synth();

function add(chart: Chart, prefix: string, objects: readonly ConstructOf[]): void {
  for (const [index, [construct, props]] of objects.entries()) {
    const id = `${prefix}-${index}`;
    if (construct === undefined) new ApiObject(chart, id, props as unknown as ApiObjectProps);
    else new construct(chart, id, props);
  }
}
