// The exceptions from linters that objects carry.
import { KeelsonAnnotations } from 'keelson';
import { type Manifest, pathOf } from './synthesized.ts';

/** `Deployment ci/build: kube-score/service-type` */
export function finding(object: Manifest, check: string): string {
  return `${object.kind} ${pathOf(object)}: ${check}`;
}

/** The checks that linters will pass over for an object, as the linters themselves are told. */
export function exceptedChecks({ metadata: { annotations = {} } }: Manifest): string[] {
  return Object.entries(annotations)
    .flatMap(([name, value]) => {
      if (name === 'kube-score/ignore') return value.split(',').map((check) => `kube-score/${check}`);
      const kubeLinter = /^ignore-check\.kube-linter\.io\/(.+)$/.exec(name);
      if (kubeLinter !== null) return [`kube-linter/${kubeLinter[1]}`];
      const polaris = /^polaris\.fairwinds\.com\/(.+)-exempt$/.exec(name);
      return polaris !== null && value === 'true' ? [`polaris/${polaris[1]}`] : [];
    })
    .sort();
}

/** The reasons that an object gives, by check. */
export function exceptionReasons({ metadata: { annotations = {} } }: Manifest): Map<string, string> {
  const lines = annotations[KeelsonAnnotations.LINTER_EXCEPTIONS]?.trimEnd().split('\n') ?? [];
  return new Map(
    lines.flatMap((line) => {
      const end = line.indexOf(': ');
      const reason = line.slice(end + 2);
      return line
        .slice(0, end)
        .split(', ')
        .map((check): [string, string] => [check, reason]);
    }),
  );
}

/** What the exceptions of one linter leave unsaid in a list of findings, and so what they have to be. */
export function exceptionsOf(tool: string, objects: readonly Manifest[]): string[] {
  return objects
    .flatMap((object) => exceptedChecks(object).map((check) => finding(object, check)))
    .filter((one) => one.includes(`: ${tool}/`))
    .sort();
}

/** The objects as a linter would see them without any exception. */
export function withoutExceptions(objects: readonly Manifest[]): Manifest[] {
  return objects.map((object) => {
    const { annotations = {}, ...metadata } = object.metadata;
    const kept = Object.entries(annotations).filter(
      ([name]) =>
        !/^(kube-score\/|ignore-check\.kube-linter\.io\/|polaris\.fairwinds\.com\/)/.test(name) &&
        name !== KeelsonAnnotations.LINTER_EXCEPTIONS,
    );
    return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(kept) } };
  });
}
