import { dirname, join } from 'node:path';
import { App, type AppProps, YamlOutputType } from 'cdk8s';
import { IMAGE_REGISTRY_CONTEXT, imageRegistryProblems } from '../image/default-image.ts';
import { formatProblem, isWrong, reportProblems } from '../kubernetes/problem.ts';
import { soundProps } from '../props/sound.ts';
import { type ExpectedSecret, expectedSecrets } from './expected-secrets.ts';
import { stageGraph } from './graph.ts';
import { imagesOf, type UsedImage } from './images.ts';
import { OLDEST_MINOR, parseMinor, setKubernetesMinor } from './kubernetes-version.ts';
import { chartFiles, chartPath, kustomization } from './layout.ts';
import { nodeFilesOf } from './node-files.ts';
import { LEDGER, type OutputFile, writeOutput } from './output.ts';
import { setTransform, type Transform, transformOf } from './render.ts';
import { Spool } from './spool.ts';
import {
  type ObjectReference,
  SEPARATOR,
  type Synthesis,
  type SynthesizedChart,
  synthesize,
} from './synthesis.ts';

/** Props of {@link KeelsonApp}. */
export interface KeelsonAppProps extends Omit<AppProps, 'yamlOutputType'> {
  /**
   * The directory of the manifests.
   * @default - the environment variable CDK8S_OUTDIR, or else manifests
   */
  readonly outdir?: string;
  /**
   * The directory for files that nodes need before their kubelet can pull from a registry.
   * @default - node-setup, beside outdir where that is given, else in the working directory
   */
  readonly nodeSetupOutdir?: string;
  /**
   * One file per object in a folder per chart, or one file per chart.
   * @default YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE
   */
  readonly yamlOutputType?: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE | YamlOutputType.FILE_PER_CHART;
  /**
   * The oldest Kubernetes minor that has to accept the manifests, `1.30` or later.
   * @default '1.30'
   */
  readonly kubernetesVersion?: string;
  /**
   * A registry that has copies of the library's own images under their own paths: a host with an optional
   * port and path, such as `registry.example.com:5000/mirror`. Keel, Redis, the services, image builders and
   * the agent are pulled from it. Images given as a prop, and those that a pipeline builds, stay as they are.
   * @default - the registries that publish them
   */
  readonly imageRegistry?: string;
  /**
   * Changes objects after rendering, those of job templates and of listeners too.
   * @default - none
   */
  readonly transform?: Transform;
}

/** What a synthesis wrote. */
export interface SynthesisResult {
  /** The directory of the manifests. */
  readonly outdir: string;
  /** The directory of the files for nodes; undefined where there are none. */
  readonly nodeSetupOutdir: string | undefined;
  /** The charts, in the order of applying them. */
  readonly charts: readonly {
    /** The path of the chart's construct. */
    readonly name: string;
    /** Its folder or file, relative to the outdir. */
    readonly path: string;
    /** Its objects, in the order of applying them. */
    readonly objects: readonly ObjectReference[];
  }[];
  /** What is allowed and worth a look; it is printed to standard error too. */
  readonly warnings: readonly string[];
  /** The Secrets that are read or made, as {@link expectedSecrets} finds them when this is asked for. */
  readonly secrets: readonly ExpectedSecret[];
  /** The container images, as {@link imagesOf} finds them when this is asked for. */
  readonly images: readonly UsedImage[];
}

/**
 * A cdk8s App whose synthesis takes time in proportion to the number of objects, checks everything before
 * it writes anything, and writes one file per object, a kustomization.yaml and a graph of the stages.
 *
 * @throws SynthesisError from `synth`, with every problem of the program at once
 * @example
 * const app = new KeelsonApp();
 * new Pipeline(app, 'my-project', { platform, source });
 * app.synth();
 */
export class KeelsonApp extends App {
  /** The oldest Kubernetes minor that has to accept the manifests. */
  readonly kubernetesVersion: string;
  readonly #props: KeelsonAppProps;

  constructor(given: KeelsonAppProps = {}) {
    const { props, problems } = soundProps('KeelsonAppProps', given, {}, [
      'yamlOutputType',
      'kubernetesVersion',
      'imageRegistry',
    ]);
    const { outdir = process.env['CDK8S_OUTDIR'] ?? 'manifests' } = props;
    super({
      ...props,
      outdir,
      yamlOutputType: props.yamlOutputType ?? YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE,
    });
    reportProblems(this, problems);
    this.#props = props;
    if (props.transform !== undefined) setTransform(this, props.transform);
    this.kubernetesVersion = props.kubernetesVersion ?? `1.${OLDEST_MINOR}`;
    setKubernetesMinor(this, parseMinor(this.kubernetesVersion) ?? OLDEST_MINOR);
    if (props.imageRegistry !== undefined) this.#pullFrom(props.imageRegistry);
    this.node.addValidation({ validate: () => this.#problems() });
  }

  /**
   * Writes the manifests. cdk8s' own command calls this too.
   *
   * @throws SynthesisError where anything is wrong; nothing has been written then
   */
  override synth(): SynthesisResult {
    return this.#synthesized((synthesis, spool) => this.#write(synthesis, spool));
  }

  /** The manifests of all charts as one text. */
  override synthYaml(): string {
    return this.#synthesized(({ charts }, spool) =>
      charts.map(({ text }) => Buffer.from(spool.read(text)).toString()).join(SEPARATOR),
    );
  }

  #synthesized<T>(use: (synthesis: Synthesis, spool: Spool) => T): T {
    const spool = new Spool();
    try {
      return use(synthesize(this, transformOf(this), spool), spool);
    } finally {
      spool.close();
    }
  }

  #write(synthesis: Synthesis, spool: Spool): SynthesisResult {
    const { charts, warnings, constructs } = synthesis;
    const nodeFiles = constructs.flatMap(nodeFilesOf);
    const paths = charts.map((chart) => chartPath(chart, this.#perChart, this.outputFileExtension));
    writeOutput(this.outdir, this.#files(synthesis, paths, spool), join(this.outdir, LEDGER));
    // Programs may share the folder, so that each lists its files among its own.
    writeOutput(this.nodeSetupOutdir, nodeFiles, join(this.outdir, `${LEDGER}-for-nodes`));
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    const app = this;
    return {
      outdir: this.outdir,
      nodeSetupOutdir: nodeFiles.length > 0 ? this.nodeSetupOutdir : undefined,
      charts: charts.map(({ name, objects }, index) => ({ name, path: paths[index] ?? name, objects })),
      warnings,
      get secrets() {
        return expectedSecrets(app);
      },
      get images() {
        return imagesOf(app);
      },
    };
  }

  /** The files, made one chart after the other: no more than one has to be in memory. */
  *#files({ charts, constructs }: Synthesis, paths: readonly string[], spool: Spool): Generator<OutputFile> {
    for (const [index, chart] of charts.entries()) {
      yield* chartFiles(chart, spool.read(chart.text), paths[index] ?? '', this.#perChart);
    }
    yield { path: 'kustomization.yaml', content: kustomization(paths) };
    yield { path: 'graph.mmd', content: stageGraph(constructs) };
    yield* this.#constructMetadata(charts);
  }

  /** The directory for files that nodes need. */
  get nodeSetupOutdir(): string {
    const { outdir, nodeSetupOutdir } = this.#props;
    return nodeSetupOutdir ?? (outdir === undefined ? 'node-setup' : join(dirname(outdir), 'node-setup'));
  }

  get #perChart(): boolean {
    return this.yamlOutputType === YamlOutputType.FILE_PER_CHART;
  }

  #pullFrom(imageRegistry: string): void {
    const problems = imageRegistryProblems('imageRegistry', imageRegistry);
    reportProblems(this, problems);
    if (!isWrong(problems)) this.node.setContext(IMAGE_REGISTRY_CONTEXT, imageRegistry);
  }

  #problems(): string[] {
    const problems: string[] = [];
    const minor = parseMinor(this.kubernetesVersion);
    if (minor === undefined || minor < OLDEST_MINOR) {
      problems.push(
        formatProblem({
          property: 'kubernetesVersion',
          value: this.kubernetesVersion,
          message: 'is not a supported version of Kubernetes',
          remedy: `give '1.${OLDEST_MINOR}' or a later minor`,
        }),
      );
    }
    if (!/^(\.[A-Za-z0-9_-]{1,40})+$/.test(this.outputFileExtension)) {
      problems.push(
        formatProblem({
          property: 'outputFileExtension',
          value: this.outputFileExtension,
          message: 'is not the end of a file name',
          remedy: 'give a dot and letters, such as .k8s.yaml',
        }),
      );
    }
    if (!this.#perChart && this.yamlOutputType !== YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE) {
      problems.push(
        formatProblem({
          property: 'yamlOutputType',
          value: this.yamlOutputType,
          message: 'is not supported',
          remedy: 'use FOLDER_PER_CHART_FILE_PER_RESOURCE or FILE_PER_CHART',
        }),
      );
    }
    return problems;
  }

  /** What cdk8s' command reads to name constructs in the results of its validation plugins. */
  #constructMetadata(charts: readonly SynthesizedChart[]): OutputFile[] {
    if (process.env['CDK8S_RECORD_CONSTRUCT_METADATA'] !== 'true' && !this.#props.recordConstructMetadata)
      return [];
    const resources = Object.fromEntries(
      charts.flatMap(({ objects }) => objects.map(({ name, source }) => [name, { path: source.node.path }])),
    );
    return [{ path: 'construct-metadata.json', content: JSON.stringify({ version: '1.0.0', resources }) }];
  }
}
