import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type ApiObject, App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { KubernetesObject } from 'keelson';
import { literal, type Special } from '../literal.ts';
import type { KubeClass, Props } from '../programs/construct-module.ts';
import { program } from '../tools.ts';
import { LAYOUTS, type Peer } from './peer.ts';

/** Maps whose values are quantities. */
const QUANTITY_MAPS: ReadonlySet<string> = new Set([
  'requests',
  'limits',
  'hard',
  'default',
  'defaultRequest',
  'max',
  'min',
]);
const QUANTITIES: ReadonlySet<string> = new Set(['sizeLimit', 'divisor']);
/** Ports that may be names. Those of a Service, and of a container, are numbers. */
const PORT_OWNERS: ReadonlySet<string> = new Set(['httpGet', 'tcpSocket', 'ingress', 'egress']);

/**
 * Plain cdk8s-plus-27 and `App.synth()`. It takes time in proportion to the square of the number of
 * charts, so it is not measured with thousands.
 */
export function cdk8sPlus(): Peer {
  let module = '';
  return {
    id: 'cdk8s-plus',
    title: 'cdk8s-plus-27, App.synth()',
    layouts: LAYOUTS,
    limit: 300,
    async prepare(workload, directory) {
      const file = join(directory, 'constructs.mjs');
      const part = (name: string, objects: readonly KubernetesObject[]): string =>
        `export const ${name} = (index, k8s) => [${objects.map(constructSource).join(',\n')}];\n`;
      writeFileSync(
        file,
        part('platform', workload.platform) +
          part('platformPerPipeline', workload.platformPerPipeline) +
          part('pipeline', workload.pipeline),
      );
      module = pathToFileURL(file).href;
      return undefined;
    },
    command: (pipelines, layout, outdir) => [
      process.execPath,
      program('cdk8s-plus'),
      module,
      String(pipelines),
      layout,
      outdir,
    ],
  };
}

/** An object as a class of cdk8s-plus and its props, or whole where the 1.27 classes don't know all of it. */
function constructSource(object: KubernetesObject): string {
  const { apiVersion, kind, ...props } = object;
  const name = `Kube${kind}`;
  const source = literal(props, special(kind));
  const made = madeBy(name, source);
  return isDeepStrictEqual(made, object) ? `[k8s.${name}, ${source}]` : `[undefined, ${literal(object)}]`;
}

/** The object that a class makes of props in source form; undefined where there is none or it refuses them. */
function madeBy(name: string, source: string): unknown {
  const kube = (k8s as unknown as Readonly<Record<string, KubeClass | undefined>>)[name];
  if (kube === undefined) return undefined;
  try {
    const props = new Function('index', 'k8s', `return ${source}`)('qzx7', k8s) as Props;
    const made = new kube(new Chart(new App(), 'chart'), 'object', props) as ApiObject;
    return made.toJson();
  } catch {
    return undefined;
  }
}

/** The fields that the classes want as objects of their own rather than as texts or numbers. */
function special(kind: string): Special {
  return (value, path) => {
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    const [above = '', key = ''] = path.slice(-2);
    if (QUANTITY_MAPS.has(above) || QUANTITIES.has(key))
      return `k8s.Quantity.fromString(${literal(String(value))})`;
    const port =
      key === 'targetPort' ||
      (key === 'port' && kind !== 'Service' && path.some((step) => PORT_OWNERS.has(step)));
    if (!port) return undefined;
    const from = typeof value === 'number' ? 'fromNumber' : 'fromString';
    return `k8s.IntOrString.${from}(${literal(value)})`;
  };
}
