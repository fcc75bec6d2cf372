import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type Api, type KubernetesObject, waitFor } from './api.ts';
import { cached, cachePath } from './cache.ts';
import { command } from './command.ts';
import { Missing } from './missing.ts';

/** The CustomResourceDefinitions that tests use, in the Go modules of their makers; the only place where these are pinned. */
const definitions: Readonly<Record<CrdSource, DefinitionModule>> = {
  'argo-cd': {
    module: 'github.com/argoproj/argo-cd/v3',
    version: 'v3.5.7',
    files: ['manifests/crds/application-crd.yaml'],
  },
  'flux-kustomize-controller': {
    module: 'github.com/fluxcd/kustomize-controller',
    version: 'v1.9.6',
    files: ['config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml'],
  },
  'flux-source-controller': {
    module: 'github.com/fluxcd/source-controller',
    version: 'v1.9.6',
    files: ['config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml'],
  },
  'external-secrets': {
    module: 'github.com/external-secrets/external-secrets',
    version: 'v1.3.2',
    files: [
      'config/crds/bases/external-secrets.io_clustersecretstores.yaml',
      'config/crds/bases/external-secrets.io_externalsecrets.yaml',
      'config/crds/bases/external-secrets.io_secretstores.yaml',
    ],
  },
  'sealed-secrets': {
    module: 'github.com/bitnami-labs/sealed-secrets',
    version: 'v0.40.0',
    files: ['helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml'],
  },
};

interface DefinitionModule {
  readonly module: string;
  readonly version: string;
  readonly files: readonly string[];
}

/** Who makes the definitions. */
export type CrdSource =
  | 'argo-cd'
  | 'flux-kustomize-controller'
  | 'flux-source-controller'
  | 'external-secrets'
  | 'sealed-secrets';

/** What was found, and for the suite's name what was not: tests that need it are skipped then. */
export interface FoundCrds {
  readonly objects: readonly KubernetesObject[];
  /** Empty where nothing is missing. */
  readonly missing: string;
}

/**
 * The definitions of the given makers, from the Go module proxy on first use and from the cache afterwards.
 *
 * @example
 * const crds = await findCrds('sealed-secrets');
 * describe.skipIf(withoutApi || crds.missing !== '')(`sealed secrets at a real API server${crds.missing}`, () => {
 *   beforeAll(async () => installCrds(await Api.connect(testApi().kubeconfig), crds));
 * });
 */
export async function findCrds(...sources: readonly CrdSource[]): Promise<FoundCrds> {
  const objects: KubernetesObject[] = [];
  try {
    for (const source of sources) objects.push(...(await read(definitions[source])));
    return { objects, missing: '' };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.warn(`cluster tests: some are skipped; missing: ${error.message}`);
    return { objects: [], missing: ` (missing: ${error.message})` };
  }
}

/** Installs definitions, and waits until the API server serves their kinds. They stay: other suites may use them. */
export async function installCrds(api: Api, { objects }: FoundCrds): Promise<void> {
  for (const object of objects) await api.apply(object, { fieldManager: 'crds', force: true });
  for (const object of objects) {
    const path = await api.pathOf(object);
    await waitFor(async () => isEstablished(await api.get(path)), { timeout: 30_000 });
    for (const kind of kindsOf(object)) await waitFor(() => api.pathOf(kind), { timeout: 30_000 });
  }
}

function isEstablished({
  status,
}: {
  status?: { conditions?: { type: string; status: string }[] };
}): boolean {
  return status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') ?? false;
}

/** One object of each served version, as far as its API path needs it. */
function kindsOf({ spec }: KubernetesObject): KubernetesObject[] {
  const { group, names, versions } = spec as {
    group: string;
    names: { kind: string };
    versions: { name: string; served: boolean }[];
  };
  return versions
    .filter(({ served }) => served)
    .map(({ name }) => ({ apiVersion: `${group}/${name}`, kind: names.kind, metadata: { name: 'any' } }));
}

async function read({ module, version, files }: DefinitionModule): Promise<KubernetesObject[]> {
  const objects: KubernetesObject[] = [];
  for (const file of files) {
    const path = cachePath('crds', ...module.split('/'), version, basename(file));
    await cached(path, async (unfinished) =>
      copyFile(join(await download(module, version), file), unfinished),
    );
    const documents = parseAllDocuments(await readFile(path, 'utf8'));
    objects.push(...documents.map((document): KubernetesObject => document.toJS()));
  }
  return objects;
}

/** The folder of a Go module's source, which stays in Go's own cache. */
async function download(module: string, version: string): Promise<string> {
  const folder = dirname(cachePath());
  await mkdir(folder, { recursive: true });
  try {
    const text = await command('go', ['mod', 'download', '-json', `${module}@${version}`], {
      cwd: folder,
      // The installed toolchain, or an error that names the one needed; never a silent download.
      env: { GOTOOLCHAIN: 'local', GOFLAGS: '' },
      howToGet: 'install Go 1.26 or newer (https://go.dev/dl)',
    });
    return (JSON.parse(text) as { Dir: string }).Dir;
  } catch (error) {
    if (error instanceof Missing) throw error;
    // Without a network or with an older Go there is nothing to test with, and nothing is broken.
    throw new Missing(`the definitions in ${module} ${version}, which \`go mod download\` does not get`);
  }
}
