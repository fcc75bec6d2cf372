/** The same objects with cdk8s-plus-27 and App.synth() alone. */
import { ApiObject, type ApiObjectProps, App, Chart, YamlOutputType } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { ConstructModule, ConstructOf, Props } from './construct-module.ts';

const [module = '', count = '1', layout = 'object', outdir = 'out'] = process.argv.slice(2);
const { platform, platformPerPipeline, pipeline } = (await import(module)) as ConstructModule;

const app = new App({
  outdir,
  yamlOutputType:
    layout === 'pipeline' ? YamlOutputType.FILE_PER_CHART : YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE,
});
for (let index = 0; index < Number(count); index++) {
  add(`p-${index}`, pipeline(index, k8s), pipelineChart(`p-${index}`));
  add(`p-${index}`, platformPerPipeline(index, k8s), platformChart);
}
add('platform', platform(0, k8s), platformChart);
app.synth();

function add(prefix: string, objects: readonly ConstructOf[], chartOf: (props: Props) => string): void {
  for (const [index, [construct, props]] of objects.entries()) {
    const chart = chartNamed(chartOf(props));
    const id = `${prefix}-${index}`;
    if (construct === undefined) new ApiObject(chart, id, props as unknown as ApiObjectProps);
    else new construct(chart, id, props);
  }
}

/**
 * Several namespaces have objects of the same kind and name. In one chart, cdk8s would write the file of one of
 * them over that of the other: where each object has a file, each namespace has a chart of its own.
 */
function platformChart({ metadata: { namespace = 'cluster' } }: Props): string {
  return `platform-${namespace}`;
}

function pipelineChart(name: string): (props: Props) => string {
  return ({ metadata: { namespace = 'cluster' } }) =>
    layout === 'object' && namespace.endsWith('-release') ? `${name}-release` : name;
}

function chartNamed(id: string): Chart {
  return (app.node.tryFindChild(id) as Chart | undefined) ?? new Chart(app, id);
}
