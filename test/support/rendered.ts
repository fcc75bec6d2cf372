import { ApiObject } from 'cdk8s';
import type { KeelsonAppProps } from 'keelson';
import { type Build, type Manifest, synthesized } from './synthesized.ts';

/** An object as it was written, and as cdk8s renders it. */
export interface Rendered {
  readonly path: string;
  readonly written: unknown;
  readonly rendered: unknown;
}

/** Every object that a program writes beside what cdk8s makes of it. */
export function renderedBoth(build: Build, props: KeelsonAppProps = {}): Rendered[] {
  let constructs: ApiObject[] = [];
  const { objects } = synthesized((app) => {
    build(app);
    constructs = app.node.findAll().filter((construct) => ApiObject.isApiObject(construct));
  }, props);
  const written = new Map(objects.map((object) => [key(object), object]));
  return constructs.map((construct) => {
    // JSON drops an undefined field, as cdk8s' own writer does.
    const rendered: Manifest = JSON.parse(JSON.stringify(construct.toJson()));
    return { path: construct.node.path, written: written.get(key(rendered)), rendered };
  });
}

function key({ apiVersion, kind, metadata: { namespace, name } }: Manifest): string {
  return [apiVersion, kind, namespace, name].join(' ');
}
